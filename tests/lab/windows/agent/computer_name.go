package main

import (
	"golang.org/x/sys/windows/registry"
)

// Where the laboratory keeps the node's name.
const laboratoryKey = `SOFTWARE\kubewin-lab`

// Every place where Windows keeps the computer's name.
var nameValues = []struct{ key, name string }{
	{`SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`, "ComputerName"},
	{`SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName`, "ComputerName"},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "Hostname"},
	{`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, "NV Hostname"},
}

// restoreComputerName undoes that Wine names every prefix after the machine it runs on, at each boot. Wine
// starts services in alphabetical order, so those after "agent" get the node's name.
func restoreComputerName() error {
	kept, err := registry.OpenKey(registry.LOCAL_MACHINE, laboratoryKey, registry.QUERY_VALUE)
	if err != nil {
		return err
	}
	defer kept.Close()
	name, _, err := kept.GetStringValue("ComputerName")
	if err != nil {
		return err
	}
	for _, place := range nameValues {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, place.key, registry.SET_VALUE)
		if err != nil {
			return err
		}
		err = key.SetStringValue(place.name, name)
		key.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
