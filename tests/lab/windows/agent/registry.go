package main

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var (
	advapi32          = windows.NewLazySystemDLL("advapi32.dll")
	procSetValue      = advapi32.NewProc("RegSetValueExW")
	procDeleteKeyTree = advapi32.NewProc("RegDeleteTreeW")
)

// hives by the names that PowerShell's registry drives have.
var hives = map[string]registry.Key{
	"HKLM": registry.LOCAL_MACHINE,
	"HKCU": registry.CURRENT_USER,
	"HKCR": registry.CLASSES_ROOT,
	"HKU":  registry.USERS,
	"HKCC": registry.CURRENT_CONFIG,
}

type keyRequest struct {
	Key  string  `json:"key"` // HKLM:\SOFTWARE\...
	Name *string `json:"name"`
	Type uint32  `json:"type"`
	Data []byte  `json:"data"` // as the registry keeps it
}

// splitKey gives hive and path of HKLM:\path.
func splitKey(name string) (registry.Key, string, error) {
	drive, path, _ := strings.Cut(name, ":")
	hive, known := hives[strings.ToUpper(drive)]
	if !known {
		return 0, "", windows.ERROR_INVALID_PARAMETER
	}
	return hive, strings.Trim(path, `\`), nil
}

func openKey(name string, access uint32) (registry.Key, error) {
	hive, path, err := splitKey(name)
	if err != nil {
		return 0, err
	}
	return registry.OpenKey(hive, path, access)
}

type value struct {
	Type uint32 `json:"type"`
	Data []byte `json:"data"`
}

type keyContent struct {
	Values  map[string]value `json:"values"`
	Subkeys []string         `json:"subkeys"`
}

func readKey(request keyRequest) (any, error) {
	key, err := openKey(request.Key, registry.READ)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	content := keyContent{Values: map[string]value{}}
	if content.Subkeys, err = key.ReadSubKeyNames(-1); err != nil {
		return nil, err
	}
	names, err := key.ReadValueNames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if content.Values[name], err = readValue(key, name); err != nil {
			return nil, err
		}
	}
	return content, nil
}

func readValue(key registry.Key, name string) (value, error) {
	size, kind, err := key.GetValue(name, nil)
	if err != nil {
		return value{}, err
	}
	data := make([]byte, size)
	size, kind, err = key.GetValue(name, data)
	return value{Type: kind, Data: data[:min(size, len(data))]}, err
}

func createKey(request keyRequest) (any, error) {
	hive, path, err := splitKey(request.Key)
	if err != nil {
		return nil, err
	}
	key, _, err := registry.CreateKey(hive, path, registry.WRITE)
	if err != nil {
		return nil, err
	}
	return nil, key.Close()
}

func setValue(request keyRequest) (any, error) {
	key, err := openKey(request.Key, registry.SET_VALUE)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	name, err := windows.UTF16PtrFromString(*request.Name)
	if err != nil {
		return nil, err
	}
	var data unsafe.Pointer
	if len(request.Data) > 0 {
		data = unsafe.Pointer(&request.Data[0])
	}
	status, _, _ := procSetValue.Call(uintptr(key), uintptr(unsafe.Pointer(name)), 0, uintptr(request.Type), uintptr(data), uintptr(len(request.Data)))
	return nil, errorOf(status)
}

// deleteFromRegistry removes one value, or without a name the key and everything below it.
func deleteFromRegistry(request keyRequest) (any, error) {
	if request.Name != nil {
		key, err := openKey(request.Key, registry.SET_VALUE)
		if err != nil {
			return nil, err
		}
		defer key.Close()
		return nil, key.DeleteValue(*request.Name)
	}
	hive, path, err := splitKey(request.Key)
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	status, _, _ := procDeleteKeyTree.Call(uintptr(hive), uintptr(unsafe.Pointer(name)))
	return nil, errorOf(status)
}

// errorOf makes an error of a call's Win32 status, none of success.
func errorOf(status uintptr) error {
	if status == 0 {
		return nil
	}
	return windows.Errno(status)
}
