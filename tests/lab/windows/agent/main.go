// nodeagent is the hands of the laboratory in a Wine prefix: it does, with Windows' own calls, what emulated modules ask
// of a node, and what Wine's service manager does not do: the recovery of services. It runs as the Windows service
// "agent", and answers as long as the node is up.
//
//	nodeagent.exe              the agent, as a service
//	nodeagent.exe idle NAME    the service NAME of Windows that the laboratory has no program for (hns, vmcompute)
package main

import (
	"log"
	"os"

	"golang.org/x/sys/windows/svc"
)

const (
	serviceName = "agent"
	// Where the laboratory finds the port and the token: see announce.
	addressFile = `C:\ProgramData\kubewin-lab\agent.json`
	logFile     = `C:\ProgramData\kubewin-lab\agent.log`
)

func main() {
	if file, err := os.OpenFile(logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
		log.SetOutput(file)
	}
	name, run := serviceName, startAgent
	if len(os.Args) == 3 && os.Args[1] == "idle" {
		name, run = os.Args[2], func() error { return nil }
	} else if err := restoreComputerName(); err != nil { // before the service manager starts the next service
		log.Fatalf("computer name: %v", err)
	}
	if err := svc.Run(name, &service{run: run}); err != nil {
		log.Fatalf("%s: service manager: %v", name, err)
	}
}

func startAgent() error {
	server, err := newServer()
	if err != nil {
		return err
	}
	go recoverServices()
	go server.serve()
	return nil
}

// service is a Windows service that starts something and then waits to be stopped.
type service struct{ run func() error }

func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.StartPending}
	if err := s.run(); err != nil {
		log.Printf("start: %v", err)
		return true, 1
	}
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for request := range requests {
		if request.Cmd == svc.Stop || request.Cmd == svc.Shutdown {
			break
		}
		status <- request.CurrentStatus
	}
	status <- svc.Status{State: svc.StopPending}
	return false, 0
}
