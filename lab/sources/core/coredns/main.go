// Command coredns is CoreDNS with only the plugins that the lab's Corefile uses.
//
// CoreDNS documents this as "build with external golang source code": a custom main
// package imports the plugins and sets dnsserver.Directives.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
)

// The order is that of CoreDNS's plugin.cfg. It determines the order of execution.
func init() {
	dnsserver.Directives = []string{"ready", "health", "errors", "cache", "loadbalance", "kubernetes"}
}

func main() {
	coremain.Run()
}
