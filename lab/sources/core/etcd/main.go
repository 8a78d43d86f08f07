// Command etcd is etcd's own entry point under its own name: the main package of the
// server module would be built under the name "server".
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
