package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

type process struct {
	ID          uint32 `json:"id"`
	ParentID    uint32 `json:"parent_id"`
	Image       string `json:"image"`
	CommandLine string `json:"command_line"`
}

func listProcesses(struct{}) (any, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	all := []process{}
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		found := process{ID: entry.ProcessID, ParentID: entry.ParentProcessID, Image: windows.UTF16ToString(entry.ExeFile[:])}
		found.readParameters()
		all = append(all, found)
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, err
	}
	return all, nil
}

// readParameters takes the image's whole path and the command line from the process's own memory (Wine 8 has no
// ProcessCommandLineInformation). A process that can't be read keeps the image's name and no command line.
func (p *process) readParameters() {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, p.ID)
	if err != nil {
		return
	}
	defer windows.CloseHandle(handle)
	var basic windows.PROCESS_BASIC_INFORMATION
	var length uint32
	err = windows.NtQueryInformationProcess(handle, windows.ProcessBasicInformation, unsafe.Pointer(&basic), uint32(unsafe.Sizeof(basic)), &length)
	if err != nil {
		return
	}
	var block windows.PEB
	var parameters windows.RTL_USER_PROCESS_PARAMETERS
	if !readMemory(handle, unsafe.Pointer(basic.PebBaseAddress), unsafe.Pointer(&block), unsafe.Sizeof(block)) ||
		!readMemory(handle, unsafe.Pointer(block.ProcessParameters), unsafe.Pointer(&parameters), unsafe.Sizeof(parameters)) {
		return
	}
	p.CommandLine = readText(handle, parameters.CommandLine)
	if image := readText(handle, parameters.ImagePathName); image != "" {
		p.Image = image
	}
}

func readText(process windows.Handle, text windows.NTUnicodeString) string {
	units := make([]uint16, text.Length/2)
	if len(units) == 0 || !readMemory(process, unsafe.Pointer(text.Buffer), unsafe.Pointer(&units[0]), uintptr(len(units)*2)) {
		return ""
	}
	return windows.UTF16ToString(units)
}

func readMemory(process windows.Handle, address, buffer unsafe.Pointer, length uintptr) bool {
	return windows.ReadProcessMemory(process, uintptr(address), (*byte)(buffer), length, nil) == nil
}

type endRequest struct{ ID uint32 }

func endProcess(request endRequest) (any, error) {
	handle, err := windows.OpenProcess(windows.PROCESS_TERMINATE|windows.SYNCHRONIZE, false, request.ID)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(handle)
	if err := windows.TerminateProcess(handle, 1); err != nil {
		return nil, err
	}
	_, err = windows.WaitForSingleObject(handle, 5000)
	return nil, err
}

type runRequest struct {
	Arguments   []string          `json:"arguments"`
	Stdin       []byte            `json:"stdin"`
	Directory   string            `json:"directory"`
	Seconds     float64           `json:"seconds"` // until it is ended
	Environment map[string]string `json:"environment"`
}

type runAnswer struct {
	ExitCode int    `json:"exit_code"`
	Stdout   []byte `json:"stdout"`
	Stderr   []byte `json:"stderr"`
}

// How long a finished program's children may hold its output open.
const outputGrace = 2 * time.Second

// runProgram runs a program with the machine's environment, as a service's child.
func runProgram(request runRequest) (any, error) {
	timeout, cancel := context.WithTimeout(context.Background(), time.Duration(request.Seconds*float64(time.Second)))
	defer cancel()
	variables, err := machineEnvironment()
	if err != nil {
		return nil, err
	}
	for name, content := range request.Environment {
		variables = append(variables, name+"="+content)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(timeout, request.Arguments[0], request.Arguments[1:]...)
	command.Env, command.Dir, command.WaitDelay = variables, request.Directory, outputGrace
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(request.Stdin), &stdout, &stderr
	err = command.Run()
	var exited *exec.ExitError
	switch {
	case timeout.Err() != nil:
		return nil, windows.WAIT_TIMEOUT
	case err == nil, errors.As(err, &exited), errors.Is(err, exec.ErrWaitDelay):
		return runAnswer{command.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes()}, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, syscall.ERROR_FILE_NOT_FOUND
	}
	return nil, err
}

// machineEnvironment is what a new process of the machine gets: read from the registry each time.
func machineEnvironment() ([]string, error) {
	return windows.GetCurrentProcessToken().Environ(false)
}

func environment(struct{}) (any, error) {
	variables, err := machineEnvironment()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, variable := range variables {
		if name, content, found := strings.Cut(variable, "="); found && name != "" {
			all[name] = content
		}
	}
	return all, nil
}
