// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

// Makes one job object as hcsshim's shim does, with hcsshim's own package, and holds it until its input ends:
//
//	hcsshim_jobs -name JobContainer_x -cpu 2500 -memory 209715200 -processes 2 [-then-end] program arguments...
//
// It prints one JSON line when the job stands: what hcsshim was refused, and what it reads back itself.
// This file is built inside a copy of the module github.com/Microsoft/hcsshim, since the package is internal.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/Microsoft/hcsshim/internal/jobobject"
)

type report struct {
	Refused   map[string]string `json:"refused"`
	Processes []uint32          `json:"processes"`
	CPU       *uint32           `json:"cpu"`
	Memory    *uint64           `json:"memory"`
}

func (r *report) step(name string, err error) {
	if err != nil {
		r.Refused[name] = err.Error()
	}
}

func main() {
	name := flag.String("name", "", "name of the job object")
	cpu := flag.Uint("cpu", 0, "CPU rate in hundredths of a percent")
	weight := flag.Uint("weight", 0, "CPU weight")
	memory := flag.Uint64("memory", 0, "memory limit in bytes")
	processes := flag.Int("processes", 0, "how many processes to start in it")
	thenEnd := flag.Bool("then-end", false, "end the processes again")
	flag.Parse()

	ctx := context.Background()
	found := &report{Refused: map[string]string{}}
	job, err := jobobject.Create(ctx, &jobobject.Options{Name: *name})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found.step("kill_on_close", job.SetTerminateOnLastHandleClose())
	found.step("io", job.SetIOTracking())
	limits := &jobobject.JobLimits{CPULimit: uint32(*cpu), CPUWeight: uint32(*weight)}
	found.step("cpu_rate", job.SetResourceLimits(limits))
	found.step("memory", job.SetResourceLimits(&jobobject.JobLimits{MemoryLimitInBytes: *memory}))
	for i := 0; i < *processes; i++ {
		command := exec.Command(flag.Arg(0), flag.Args()[1:]...)
		found.step("start", command.Start())
		found.step("assign", job.Assign(uint32(command.Process.Pid)))
	}
	if *thenEnd {
		found.step("terminate", job.Terminate(0))
	}
	found.Processes, err = job.Pids()
	found.step("pids", err)
	if value, err := job.GetCPULimit(jobobject.RateBased); err == nil {
		found.CPU = &value
	}
	if value, err := job.GetMemoryLimit(); err == nil {
		found.Memory = &value
	}
	json.NewEncoder(os.Stdout).Encode(found)
	io.Copy(io.Discard, os.Stdin)
	job.Close()
}
