// Put beside the kubelet's own files by generate.py, to call what the package keeps to itself.

package kuberuntime

import (
	"context"

	"k8s.io/apimachinery/pkg/api/resource"
)

// OracleCPUMaximum asks calculateCPUMaximum, skipping it where calculateWindowsResources does (a zero limit).
func OracleCPUMaximum(limit *resource.Quantity, processors int64) int64 {
	if limit.IsZero() {
		return 0
	}
	return calculateCPUMaximum(limit, processors)
}

// OracleMemoryLimit asks calculateWindowsResources.
func OracleMemoryLimit(limit *resource.Quantity) int64 {
	return (&kubeGenericRuntimeManager{}).calculateWindowsResources(context.Background(), &resource.Quantity{}, limit).MemoryLimitInBytes
}
