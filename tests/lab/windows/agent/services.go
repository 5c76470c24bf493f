package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// How often a service that starts or stops is looked at.
const pollInterval = 50 * time.Millisecond

type failureAction struct {
	Type              string `json:"type"`
	DelayMilliseconds int64  `json:"delay_milliseconds"`
}

type configuration struct {
	Name                string          `json:"name"`
	DisplayName         string          `json:"display_name"`
	CommandLine         string          `json:"command_line"`
	StartMode           string          `json:"start_mode"`
	Account             string          `json:"account"`
	Description         string          `json:"description"`
	Dependencies        []string        `json:"dependencies"`
	FailureActions      []failureAction `json:"failure_actions"`
	FailureResetSeconds uint32          `json:"failure_reset_seconds"`
	OnNonCrash          bool            `json:"failure_actions_on_non_crash"`
}

type status struct {
	Configuration configuration `json:"configuration"`
	State         string        `json:"state"`
	ProcessID     uint32        `json:"process_id"`
}

var startModes = map[string]uint32{
	"auto": mgr.StartAutomatic, "delayed": mgr.StartAutomatic, "manual": mgr.StartManual, "disabled": mgr.StartDisabled,
}
var actionTypes = map[string]int{
	"none": mgr.NoAction, "restart": mgr.ServiceRestart, "reboot": mgr.ComputerReboot, "run_command": mgr.RunCommand,
}
var states = map[svc.State]string{
	svc.Stopped: "stopped", svc.StartPending: "start_pending", svc.StopPending: "stop_pending", svc.Running: "running",
	svc.ContinuePending: "running", svc.PausePending: "running", svc.Paused: "running",
}

func nameOf[Number comparable](names map[string]Number, number Number) string {
	for _, name := range []string{"auto", "manual", "disabled", "none", "restart", "reboot", "run_command"} {
		if found, known := names[name]; known && found == number {
			return name
		}
	}
	return ""
}

// withManager runs an action with the connection to the service manager.
func withManager(action func(*mgr.Mgr) error) error {
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer manager.Disconnect()
	return action(manager)
}

func withService(name string, action func(*mgr.Mgr, *mgr.Service) error) error {
	return withManager(func(manager *mgr.Mgr) error {
		service, err := manager.OpenService(name)
		if err != nil {
			return err
		}
		defer service.Close()
		return action(manager, service)
	})
}

func describe(service *mgr.Service) (status, error) {
	config, err := service.Config()
	if err != nil {
		return status{}, err
	}
	now, err := service.Query()
	if err != nil {
		return status{}, err
	}
	actions, err := service.RecoveryActions()
	if err != nil {
		return status{}, err
	}
	reset, err := service.ResetPeriod()
	if err != nil {
		return status{}, err
	}
	onNonCrash, err := service.RecoveryActionsOnNonCrashFailures()
	if err != nil {
		return status{}, err
	}
	answer := status{State: states[now.State], ProcessID: now.ProcessId, Configuration: configuration{
		Name: keyName(service.Name), DisplayName: config.DisplayName, CommandLine: config.BinaryPathName,
		StartMode: nameOf(startModes, config.StartType), Account: config.ServiceStartName, Description: config.Description,
		Dependencies: config.Dependencies, FailureResetSeconds: reset, OnNonCrash: onNonCrash,
	}}
	if config.DelayedAutoStart && answer.Configuration.StartMode == "auto" {
		answer.Configuration.StartMode = "delayed"
	}
	for _, action := range actions {
		answer.Configuration.FailureActions = append(answer.Configuration.FailureActions,
			failureAction{nameOf(actionTypes, action.Type), action.Delay.Milliseconds()})
	}
	return answer, nil
}

// keyName spells a service's name as it was created.
func keyName(name string) string {
	for _, known := range serviceKeys() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

func listServices(struct{}) (any, error) {
	all := []status{}
	err := withManager(func(manager *mgr.Mgr) error {
		names, err := manager.ListServices()
		if err != nil {
			return err
		}
		for _, name := range names {
			service, err := manager.OpenService(name)
			if err != nil {
				continue // deleted since it was listed
			}
			described, err := describe(service)
			service.Close()
			if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
				continue // Wine's own Winedevice1, ...: in its service manager and not in the registry
			} else if err != nil {
				return fmt.Errorf("describe %s: %w", name, err)
			}
			all = append(all, described)
		}
		return nil
	})
	return all, err
}

type nameRequest struct {
	Name    string
	Seconds float64 // how long to wait
}

func (request nameRequest) deadline() time.Time {
	return time.Now().Add(time.Duration(request.Seconds * float64(time.Second)))
}

func getService(request nameRequest) (any, error) {
	var answer any
	err := withService(request.Name, func(_ *mgr.Mgr, service *mgr.Service) (err error) {
		answer, err = describe(service)
		return err
	})
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil, nil
	}
	return answer, err
}

func (c configuration) forManager() mgr.Config {
	return mgr.Config{
		ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, ErrorControl: mgr.ErrorNormal, StartType: startModes[c.StartMode],
		BinaryPathName: c.CommandLine, DisplayName: c.DisplayName, Description: c.Description, ServiceStartName: c.Account,
		Dependencies: c.Dependencies, DelayedAutoStart: c.StartMode == "delayed",
	}
}

func (c configuration) applyRecovery(service *mgr.Service) error {
	var actions []mgr.RecoveryAction
	for _, action := range c.FailureActions {
		actions = append(actions, mgr.RecoveryAction{
			Type: actionTypes[action.Type], Delay: time.Duration(action.DelayMilliseconds) * time.Millisecond,
		})
	}
	if len(actions) == 0 {
		if err := service.ResetRecoveryActions(); err != nil {
			return err
		}
	} else if err := service.SetRecoveryActions(actions, c.FailureResetSeconds); err != nil {
		return err
	}
	return service.SetRecoveryActionsOnNonCrashFailures(c.OnNonCrash)
}

func createService(wanted configuration) (any, error) {
	return nil, withManager(func(manager *mgr.Mgr) error {
		// The library quotes a path and escapes arguments; a command line is given whole, so it goes in by a change.
		service, err := manager.CreateService(wanted.Name, "placeholder", wanted.forManager())
		if err != nil {
			return err
		}
		defer service.Close()
		if err := service.UpdateConfig(wanted.forManager()); err != nil {
			return err
		}
		return wanted.applyRecovery(service)
	})
}

func changeService(wanted configuration) (any, error) {
	return nil, withService(wanted.Name, func(_ *mgr.Mgr, service *mgr.Service) error {
		if err := service.UpdateConfig(wanted.forManager()); err != nil {
			return err
		}
		return wanted.applyRecovery(service)
	})
}

func deleteService(request nameRequest) (any, error) {
	return nil, withService(request.Name, func(_ *mgr.Mgr, service *mgr.Service) error { return service.Delete() })
}

// startServiceCall starts a service after the services it depends on, as Windows does and Wine does not, and waits until
// it runs. A process that ends meanwhile is ERROR_PROCESS_ABORTED.
func startServiceCall(request nameRequest) (any, error) {
	return nil, startWithDependencies(request.Name, request.deadline())
}

func startWithDependencies(name string, deadline time.Time) error {
	return withService(name, func(_ *mgr.Mgr, service *mgr.Service) error {
		config, err := service.Config()
		if err != nil {
			return err
		}
		if now, err := service.Query(); err != nil || now.State == svc.Running {
			return err
		}
		if config.StartType == mgr.StartDisabled {
			return windows.ERROR_SERVICE_DISABLED
		}
		for _, dependency := range config.Dependencies {
			if err := startWithDependencies(dependency, deadline); err != nil {
				return errors.Join(windows.ERROR_SERVICE_DEPENDENCY_FAIL, err)
			}
		}
		forgetStop(name)
		if err := service.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return err
		}
		return waitFor(service, svc.Running, deadline)
	})
}

// waitFor polls until the service has the state.
func waitFor(service *mgr.Service, wanted svc.State, deadline time.Time) error {
	for {
		now, err := service.Query()
		switch {
		case err != nil, now.State == wanted:
			return err
		case wanted == svc.Running && now.State == svc.Stopped:
			return windows.ERROR_PROCESS_ABORTED
		case time.Now().After(deadline):
			return windows.ERROR_SERVICE_REQUEST_TIMEOUT
		}
		time.Sleep(pollInterval)
	}
}

// stopServiceCall stops a service and waits until its process is gone.
func stopServiceCall(request nameRequest) (any, error) {
	return nil, withService(request.Name, func(manager *mgr.Mgr, service *mgr.Service) error {
		now, err := service.Query()
		if err != nil {
			return err
		}
		if now.State == svc.Stopped {
			return windows.ERROR_SERVICE_NOT_ACTIVE
		}
		if err := refuseWithRunningDependents(manager, request.Name); err != nil {
			return err
		}
		process := openProcess(now.ProcessId)
		rememberStop(request.Name, now.ProcessId)
		_, err = service.Control(svc.Stop)
		// The kubelet may end before it has answered. That it ended is waited for below.
		answered := !errors.Is(err, windows.ERROR_BROKEN_PIPE)
		if err != nil && answered && now.State != svc.StopPending {
			forgetStop(request.Name)
			return err
		}
		if err := waitFor(service, svc.Stopped, request.deadline()); err != nil {
			return err
		}
		return waitForEnd(process, request.deadline())
	})
}

// refuseWithRunningDependents fails with Windows' error when a running service depends on this one.
func refuseWithRunningDependents(manager *mgr.Mgr, name string) error {
	names, err := manager.ListServices()
	if err != nil {
		return err
	}
	for _, other := range names {
		service, err := manager.OpenService(other)
		if err != nil {
			continue // deleted since it was listed
		}
		config, configError := service.Config()
		now, stateError := service.Query()
		service.Close()
		depends := slices.ContainsFunc(config.Dependencies, func(d string) bool { return strings.EqualFold(d, name) })
		if configError == nil && stateError == nil && depends && now.State != svc.Stopped {
			return windows.ERROR_DEPENDENT_SERVICES_RUNNING
		}
	}
	return nil
}

// openProcess gives a handle to wait on, 0 when there is no such process.
func openProcess(id uint32) windows.Handle {
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, id)
	if err != nil || id == 0 {
		return 0
	}
	return handle
}

func waitForEnd(process windows.Handle, deadline time.Time) error {
	if process == 0 {
		return nil
	}
	defer windows.CloseHandle(process)
	left := max(time.Until(deadline).Milliseconds(), 0)
	if event, err := windows.WaitForSingleObject(process, uint32(left)); err != nil || event != uint32(windows.WAIT_TIMEOUT) {
		return err
	}
	return windows.ERROR_SERVICE_REQUEST_TIMEOUT
}
