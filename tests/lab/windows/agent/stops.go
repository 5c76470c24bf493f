package main

import (
	"strings"
	"sync"
)

// stops has the process of each service that was asked to stop and not started again: its end is no failure, however
// early it comes. The keys are names in lower case.
var stops sync.Map

func rememberStop(service string, process uint32) {
	stops.Store(strings.ToLower(service), process)
}

func wasAskedToStop(service string) bool {
	_, asked := stops.Load(strings.ToLower(service))
	return asked
}

func forgetStop(service string) {
	stops.Delete(strings.ToLower(service))
}

// forgetStopOfOtherThan the process that runs now, which somebody else may have started.
func forgetStopOfOtherThan(service string, process uint32) {
	if asked, known := stops.Load(strings.ToLower(service)); known && asked != process {
		stops.CompareAndDelete(strings.ToLower(service), asked)
	}
}
