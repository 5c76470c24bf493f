package main

import (
	"errors"
	"log"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	servicesKey    = `SYSTEM\CurrentControlSet\Services`
	lookInterval   = 200 * time.Millisecond // at a service that does not run
	restartTimeout = 30 * time.Second
)

// recoverServices is the part of Windows' service manager that Wine's has not: it supervises every service that has
// recovery actions. It looks again when the services' registry keys have changed: reading them again and again would keep
// every node of a laboratory busy.
func recoverServices() {
	runtime.LockOSThread() // a watch ends with the thread that asked for it
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, servicesKey, registry.NOTIFY)
	if err != nil {
		log.Fatalf("services: %v", err)
	}
	changed, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		log.Fatalf("services: %v", err)
	}
	const subtree, asynchronous = true, true
	filter := uint32(windows.REG_NOTIFY_CHANGE_NAME | windows.REG_NOTIFY_CHANGE_LAST_SET)
	var supervised sync.Map
	for {
		// Before the look, so that what changes meanwhile is seen by the next one.
		err := windows.RegNotifyChangeKeyValue(windows.Handle(key), subtree, filter, changed, asynchronous)
		if err != nil {
			log.Fatalf("services: %v", err)
		}
		for _, name := range servicesWithRecovery() {
			if _, known := supervised.LoadOrStore(name, true); !known {
				go func() {
					err := (&supervisor{name: name}).run()
					log.Printf("recovery: %s no longer supervised: %v", name, err)
					// It may only have failed to look, or be there again already.
					supervised.Delete(name)
					time.Sleep(lookInterval)
					_ = windows.SetEvent(changed)
				}()
			}
		}
		if _, err := windows.WaitForSingleObject(changed, windows.INFINITE); err != nil {
			log.Fatalf("services: %v", err)
		}
	}
}

// serviceKeys lists the names of all services in the registry.
func serviceKeys() []string {
	services, err := registry.OpenKey(registry.LOCAL_MACHINE, servicesKey, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		log.Printf("services: %v", err)
		return nil
	}
	defer services.Close()
	names, err := services.ReadSubKeyNames(-1)
	if err != nil {
		log.Printf("services: %v", err)
	}
	return names
}

// servicesWithRecovery lists the services whose registry key has recovery actions.
func servicesWithRecovery() (names []string) {
	for _, name := range serviceKeys() {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, servicesKey+`\`+name, registry.QUERY_VALUE)
		if err != nil {
			continue // deleted since it was listed
		}
		if _, _, err := key.GetValue("FailureActions", nil); err == nil {
			names = append(names, name)
		}
		key.Close()
	}
	return names
}

// supervisor follows one service. When its process ends and the service had not stopped, the recovery actions follow,
// one per failure, the last one from then on; the count starts again when the reset period passed without a failure.
type supervisor struct {
	name        string
	failures    int
	lastFailure time.Time
	handled     bool // the end of the process that is seen now was acted on
}

// run until the service is gone.
func (s *supervisor) run() error {
	for {
		now, err := s.status()
		switch {
		case err != nil:
			return err
		case now.ProcessId != 0:
			s.handled = false
			forgetStopOfOtherThan(s.name, now.ProcessId)
			if process := openProcess(now.ProcessId); process != 0 {
				_, _ = windows.WaitForSingleObject(process, windows.INFINITE)
				windows.CloseHandle(process)
			}
		case diedRunning(now) && !s.handled && !wasAskedToStop(s.name):
			s.handled = true
			if err := withService(s.name, s.act); err != nil {
				log.Printf("recovery: %s: %v", s.name, err)
			}
		default:
			time.Sleep(lookInterval)
		}
	}
}

func (s *supervisor) status() (now svc.Status, err error) {
	err = withService(s.name, func(_ *mgr.Mgr, service *mgr.Service) error {
		now, err = service.Query()
		return err
	})
	return now, err
}

// diedRunning tells that the process ended while the service was RUNNING or starting: only then does a stopped
// service's status carry this code (gaps/service_manager.c).
func diedRunning(now svc.Status) bool {
	return now.State == svc.Stopped && now.Win32ExitCode == uint32(windows.ERROR_PROCESS_ABORTED)
}

func (s *supervisor) act(_ *mgr.Mgr, service *mgr.Service) error {
	actions, err := service.RecoveryActions()
	if err != nil || len(actions) == 0 {
		return err
	}
	reset, err := service.ResetPeriod()
	if err != nil {
		return err
	}
	action := actions[min(s.count(reset), len(actions))-1]
	log.Printf("recovery: %s failed %d times, action %d in %s", s.name, s.failures, action.Type, action.Delay)
	switch action.Type {
	case mgr.NoAction:
		return nil
	case mgr.ServiceRestart:
		time.Sleep(action.Delay)
		err := startWithDependencies(s.name, time.Now().Add(restartTimeout))
		s.handled = err != nil && !errors.Is(err, windows.ERROR_PROCESS_ABORTED)
		return err
	}
	return errors.New("SIMULATOR: recovery by reboot or command not modelled")
}

// count this failure, from 1.
func (s *supervisor) count(resetSeconds uint32) int {
	if time.Since(s.lastFailure) > time.Duration(resetSeconds)*time.Second {
		s.failures = 0
	}
	s.failures, s.lastFailure = s.failures+1, time.Now()
	return s.failures
}
