// Prints, as JSON, every feature gate that the kubelet of the linked Kubernetes knows: stage, default, lock, and the
// gates that must be on with it. The kubelet registers the gates of pkg/features and of its logging.
package main

import (
	"encoding/json"
	"os"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/kubernetes/pkg/features"
)

type gate struct {
	Stage   string   `json:"stage"`
	Default bool     `json:"default"`
	Locked  bool     `json:"locked"`
	Needs   []string `json:"needs"`
}

func main() {
	if err := logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate); err != nil {
		panic(err)
	}
	known := utilfeature.DefaultMutableFeatureGate
	needs := map[featuregate.Feature][]featuregate.Feature{}
	if depends, ok := any(known).(interface {
		Dependencies() map[featuregate.Feature][]featuregate.Feature
	}); ok {
		needs = depends.Dependencies()
	}
	found := map[string]gate{}
	for name, spec := range known.GetAll() {
		row := gate{string(spec.PreRelease), spec.Default, spec.LockToDefault, []string{}}
		for _, other := range needs[name] {
			row.Needs = append(row.Needs, string(other))
		}
		found[string(name)] = row
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}
