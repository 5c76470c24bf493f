// Reads {"limit"} and {"limit","processors"} questions and answers what the kubelet of this version makes of each.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/kubelet/kuberuntime"
)

type question struct {
	CPU        string `json:"cpu"`
	Memory     string `json:"memory"`
	Processors int64  `json:"processors"`
}

type answer struct {
	CPUMaximum  int64 `json:"cpu_maximum"`
	MemoryLimit int64 `json:"memory_limit_in_bytes"`
}

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		panic(err)
	}
	answers := make([]answer, len(questions))
	for i, asked := range questions {
		answers[i] = answer{
			CPUMaximum:  kuberuntime.OracleCPUMaximum(quantity(asked.CPU), asked.Processors),
			MemoryLimit: kuberuntime.OracleMemoryLimit(quantity(asked.Memory)),
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

func quantity(text string) *resource.Quantity {
	if text == "" {
		return &resource.Quantity{}
	}
	parsed := resource.MustParse(text)
	return &parsed
}
