// Reads what containerd would write into an OCI spec and answers the job limits that hcsshim makes of it.
package main

import (
	"encoding/json"
	"os"

	"github.com/Microsoft/hcsshim/internal/jobcontainers"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
)

type question struct {
	CPUMaximum  uint16 `json:"cpu_maximum"`
	MemoryLimit uint64 `json:"memory_limit_in_bytes"`
}

type answer struct {
	Rate   uint32 `json:"cpu_rate"`
	Memory uint64 `json:"memory_bytes"`
}

func main() {
	logrus.SetOutput(os.Stderr)
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	for i, asked := range questions {
		rate, memory, err := jobcontainers.OracleLimits(spec(asked))
		if err != nil {
			panic(err)
		}
		answers[i] = answer{rate, memory}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

// As containerd's WithWindowsResources does: a zero is left out.
func spec(asked question) *specs.Spec {
	resources := &specs.WindowsResources{}
	if asked.CPUMaximum != 0 {
		resources.CPU = &specs.WindowsCPUResources{Maximum: &asked.CPUMaximum}
	}
	if asked.MemoryLimit != 0 {
		resources.Memory = &specs.WindowsMemoryResources{Limit: &asked.MemoryLimit}
	}
	return &specs.Spec{Windows: &specs.Windows{Resources: resources}}
}
