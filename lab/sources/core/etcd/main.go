// Command etcd wraps etcd's entry point to build a program named etcd. The main package
// of the server module would be built as "server".
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
