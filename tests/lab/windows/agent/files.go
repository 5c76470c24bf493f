package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

type writeRequest struct {
	Path    string `json:"path"`
	Content []byte `json:"content"` // base64 in JSON
	Source  string `json:"source"`  // a file to copy instead, for large ones: its Z:\ path
}

// writeFile replaces a file as Windows programs do: opened for itself alone, so that a file that somebody holds open, or
// a program that runs, refuses with ERROR_SHARING_VIOLATION.
func writeFile(request writeRequest) (any, error) {
	var content io.Reader = strings.NewReader(string(request.Content))
	if request.Source != "" {
		source, err := os.Open(request.Source)
		if err != nil {
			return nil, err
		}
		defer source.Close()
		content = source
	}
	path, err := windows.UTF16PtrFromString(request.Path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(path, windows.GENERIC_WRITE, 0, nil, windows.CREATE_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(handle), request.Path)
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return nil, err
	}
	return nil, file.Close()
}

type moveRequest struct{ Source, Destination string }

// moveFile renames, also a program that runs (Windows allows that), and replaces a file at the destination.
func moveFile(request moveRequest) (any, error) {
	source, err := windows.UTF16PtrFromString(request.Source)
	if err != nil {
		return nil, err
	}
	destination, err := windows.UTF16PtrFromString(request.Destination)
	if err != nil {
		return nil, err
	}
	return nil, windows.MoveFileEx(source, destination, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_COPY_ALLOWED)
}

type pathRequest struct{ Path string }

// removeFile removes a file or a whole folder, and fails on the first one that is in use. The laboratory has taken
// symbolic links away before: a Windows program in Wine sees what they point to.
func removeFile(request pathRequest) (any, error) { return nil, removeTree(request.Path) }

func removeTree(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	attributes, err := windows.GetFileAttributes(name)
	if err != nil {
		return err
	}
	if attributes&windows.FILE_ATTRIBUTE_DIRECTORY == 0 {
		return windows.DeleteFile(name)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := removeTree(filepath.Join(path, entry.Name())); err != nil {
			return err
		}
	}
	return windows.RemoveDirectory(name)
}

func makeDirectory(request pathRequest) (any, error) { return nil, os.MkdirAll(request.Path, 0o755) }
