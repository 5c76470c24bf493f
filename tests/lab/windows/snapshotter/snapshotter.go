package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/errdefs"
)

// The label by which containerd offers a layer before it fetches it: who already has that snapshot says so, and the
// layer is neither downloaded nor unpacked.
const labelSnapshotReference = "containerd.io/snapshot.ref"

// folderSnapshotter keeps every snapshot as a plain empty folder, and the tree of them in containerd's own store.
type folderSnapshotter struct {
	root  string
	store *storage.MetaStore
}

func newFolderSnapshotter(root string) (*folderSnapshotter, error) {
	if err := os.MkdirAll(filepath.Join(root, "snapshots", "base"), 0o755); err != nil {
		return nil, err
	}
	store, err := storage.NewMetaStore(filepath.Join(root, "metadata.db"))
	if err != nil {
		return nil, err
	}
	return &folderSnapshotter{root: root, store: store}, nil
}

func (s *folderSnapshotter) folder(id string) string { return filepath.Join(s.root, "snapshots", id) }

// mounts names the folder as the writable layer over its parents and one common empty folder: hcsshim wants at least
// one parent.
func (s *folderSnapshotter) mounts(snapshot storage.Snapshot) []mount.Mount {
	var parents []string
	for _, id := range snapshot.ParentIDs {
		parents = append(parents, s.folder(id))
	}
	parents = append(parents, s.folder("base"))
	encoded, _ := json.Marshal(parents) // a list of strings always encodes
	return []mount.Mount{{
		Type:    "windows-layer",
		Source:  s.folder(snapshot.ID),
		Options: []string{"rw", mount.ParentLayerPathsFlag + string(encoded)},
	}}
}

func (s *folderSnapshotter) Stat(ctx context.Context, key string) (info snapshots.Info, err error) {
	err = s.store.WithTransaction(ctx, false, func(ctx context.Context) error {
		_, info, _, err = storage.GetInfo(ctx, key)
		return err
	})
	return info, err
}

func (s *folderSnapshotter) Update(ctx context.Context, info snapshots.Info, fields ...string) (updated snapshots.Info, err error) {
	err = s.store.WithTransaction(ctx, true, func(ctx context.Context) error {
		updated, err = storage.UpdateInfo(ctx, info, fields...)
		return err
	})
	return updated, err
}

func (s *folderSnapshotter) Usage(ctx context.Context, key string) (snapshots.Usage, error) {
	_, err := s.Stat(ctx, key)
	return snapshots.Usage{}, err
}

func (s *folderSnapshotter) Mounts(ctx context.Context, key string) (mounts []mount.Mount, err error) {
	err = s.store.WithTransaction(ctx, false, func(ctx context.Context) error {
		snapshot, err := storage.GetSnapshot(ctx, key)
		mounts = s.mounts(snapshot)
		return err
	})
	return mounts, err
}

func (s *folderSnapshotter) Prepare(ctx context.Context, key, parent string, options ...snapshots.Opt) ([]mount.Mount, error) {
	return s.create(ctx, snapshots.KindActive, key, parent, options)
}

func (s *folderSnapshotter) View(ctx context.Context, key, parent string, options ...snapshots.Opt) ([]mount.Mount, error) {
	return s.create(ctx, snapshots.KindView, key, parent, options)
}

func (s *folderSnapshotter) create(
	ctx context.Context, kind snapshots.Kind, key, parent string, options []snapshots.Opt,
) (mounts []mount.Mount, err error) {
	var requested snapshots.Info
	for _, option := range options {
		if err := option(&requested); err != nil {
			return nil, err
		}
	}
	reference, isLayer := requested.Labels[labelSnapshotReference]
	err = s.store.WithTransaction(ctx, true, func(ctx context.Context) error {
		snapshot, err := storage.CreateSnapshot(ctx, kind, key, parent, options...)
		if err != nil {
			return err
		}
		mounts = s.mounts(snapshot)
		if err := os.MkdirAll(s.folder(snapshot.ID), 0o755); err != nil || !isLayer {
			return err
		}
		_, err = storage.CommitActive(ctx, key, reference, snapshots.Usage{}, options...)
		return err
	})
	if err == nil && isLayer {
		return nil, fmt.Errorf("layer %s: %w", reference, errdefs.ErrAlreadyExists)
	}
	return mounts, err
}

func (s *folderSnapshotter) Commit(ctx context.Context, name, key string, options ...snapshots.Opt) error {
	return s.store.WithTransaction(ctx, true, func(ctx context.Context) error {
		_, err := storage.CommitActive(ctx, key, name, snapshots.Usage{}, options...)
		return err
	})
}

func (s *folderSnapshotter) Remove(ctx context.Context, key string) error {
	var id string
	err := s.store.WithTransaction(ctx, true, func(ctx context.Context) (err error) {
		id, _, err = storage.Remove(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(s.folder(id))
}

func (s *folderSnapshotter) Walk(ctx context.Context, visit snapshots.WalkFunc, filters ...string) error {
	return s.store.WithTransaction(ctx, false, func(ctx context.Context) error {
		return storage.WalkInfo(ctx, visit, filters...)
	})
}

func (s *folderSnapshotter) Close() error { return s.store.Close() }
