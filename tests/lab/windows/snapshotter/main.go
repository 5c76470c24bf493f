// plainfolder is a containerd proxy snapshotter for Windows that keeps every snapshot as a plain empty folder: no layer
// is downloaded, unpacked or mounted. It runs as the Windows service of the same name.
package main

import (
	"flag"
	"log"
	"net"

	winio "github.com/Microsoft/go-winio"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"golang.org/x/sys/windows/svc"
	"google.golang.org/grpc"
)

const serviceName = "plainfolder"

func main() {
	root := flag.String("root", `C:\ProgramData\plainfolder`, "folder of the snapshots")
	address := flag.String("address", `\\.\pipe\plainfolder`, "named pipe to answer on")
	flag.Parse()
	server, listener, err := open(*root, *address)
	if err != nil {
		log.Fatalf("plainfolder: %v", err)
	}
	isService, err := svc.IsWindowsService()
	if err != nil {
		log.Fatalf("plainfolder: is this a service? %v", err)
	}
	if !isService {
		log.Fatal(server.Serve(listener))
	}
	if err := svc.Run(serviceName, &service{server: server, listener: listener}); err != nil {
		log.Fatalf("plainfolder: service manager: %v", err)
	}
}

func open(root, address string) (*grpc.Server, net.Listener, error) {
	snapshotter, err := newFolderSnapshotter(root)
	if err != nil {
		return nil, nil, err
	}
	listener, err := winio.ListenPipe(address, &winio.PipeConfig{})
	if err != nil {
		return nil, nil, err
	}
	server := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	return server, listener, nil
}

type service struct {
	server   *grpc.Server
	listener net.Listener
}

// Execute serves until the service manager says stop.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	go s.server.Serve(s.listener)
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for request := range requests {
		if request.Cmd == svc.Stop || request.Cmd == svc.Shutdown {
			break
		}
		status <- request.CurrentStatus
	}
	status <- svc.Status{State: svc.StopPending}
	s.server.Stop()
	return false, 0
}
