// An OCI registry, filled from archives of images, for proving that a run can pull everything from a mirror.
//
// Usage: registry ADDRESS FOLDER ARCHIVE//NAME=REPOSITORY:TAG ... where NAME is an image in the archive. Layers are kept
// in FOLDER and are not compressed: they never leave this machine.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: registry ADDRESS FOLDER ARCHIVE//NAME=REPOSITORY:TAG ...")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for _, each := range os.Args[3:] {
			if err := push(listener.Addr().String(), each); err != nil {
				log.Fatalf("%s: %v", each, err)
			}
		}
		// The caller waits for this line.
		fmt.Println("ready")
	}()
	handler := registry.New(
		registry.Logger(log.New(io.Discard, "", 0)),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(os.Args[2])),
	)
	log.Fatal(http.Serve(listener, handler))
}

// push copies an image from its archive to this registry.
func push(address, each string) error {
	archive, named, _ := strings.Cut(each, "//")
	source, target, _ := strings.Cut(named, "=")
	tag, err := name.NewTag(source, name.WeakValidation)
	if err != nil {
		return err
	}
	read, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		return err
	}
	image, err := uncompressed(read)
	if err != nil {
		return err
	}
	to, err := name.ParseReference(address+"/"+target, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(to, image)
}

// uncompressed returns the image with layers that are stored and not deflated: their content stays the same.
func uncompressed(image v1.Image) (v1.Image, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	made := empty.Image
	for _, each := range layers {
		layer, err := tarball.LayerFromOpener(each.Uncompressed, tarball.WithCompressionLevel(gzip.NoCompression))
		if err != nil {
			return nil, err
		}
		if made, err = mutate.AppendLayers(made, layer); err != nil {
			return nil, err
		}
	}
	return mutate.ConfigFile(made, config)
}
