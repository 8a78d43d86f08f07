// An OCI registry in memory, filled from archives of images, for proving that a run can pull everything from a mirror.
//
// Usage: registry ADDRESS ARCHIVE NAME=REPOSITORY:TAG ... where NAME is an image in the archive.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: registry ADDRESS ARCHIVE NAME=REPOSITORY:TAG ...")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for _, pair := range os.Args[3:] {
			if err := push(os.Args[2], listener.Addr().String(), pair); err != nil {
				log.Fatalf("%s: %v", pair, err)
			}
		}
		// The caller waits for this line.
		fmt.Println("ready")
	}()
	log.Fatal(http.Serve(listener, registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
}

// push copies an image from the archive to this registry.
func push(archive, address, pair string) error {
	source, target, _ := strings.Cut(pair, "=")
	tag, err := name.NewTag(source, name.WeakValidation)
	if err != nil {
		return err
	}
	image, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		return err
	}
	to, err := name.ParseReference(address+"/"+target, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(to, image)
}
