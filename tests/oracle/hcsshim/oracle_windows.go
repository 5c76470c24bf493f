// Put beside hcsshim's own files by generate.py, to call what the package keeps to itself.

package jobcontainers

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// OracleLimits asks specToLimits: the job's CPU rate and memory limit.
func OracleLimits(s *specs.Spec) (uint32, uint64, error) {
	limits, err := specToLimits(context.Background(), "oracle", s)
	if err != nil {
		return 0, 0, err
	}
	return limits.CPULimit, limits.MemoryLimitInBytes, nil
}
