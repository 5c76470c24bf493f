// tar stands in for C:\Windows\System32\tar.exe (bsdtar, part of Windows since Server 2019), which Wine has not.
// It knows what preparing a node needs and refuses the rest:
//
//	tar.exe -x[z]f ARCHIVE [-C FOLDER] [--strip-components=COUNT] [MEMBER...]
//	tar.exe -t[z]f ARCHIVE [MEMBER...]
//
// A MEMBER is a name in the archive, of a file or of a folder with all that is in it.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

type request struct {
	list    bool
	archive string
	folder  string
	strip   int
	members []string
}

func main() {
	wanted, err := parse(os.Args[1:])
	if err == nil {
		err = wanted.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tar.exe:", err)
		os.Exit(1)
	}
}

func parse(arguments []string) (request, error) {
	wanted, action := request{folder: "."}, ""
	for len(arguments) > 0 {
		word := arguments[0]
		arguments = arguments[1:]
		value := func() (taken string, err error) {
			if len(arguments) == 0 {
				return "", fmt.Errorf("Option %s requires an argument", word)
			}
			taken, arguments = arguments[0], arguments[1:]
			return taken, nil
		}
		var err error
		switch {
		case action == "" && strings.Trim(strings.TrimPrefix(word, "-"), "xtzvf") == "" && strings.ContainsAny(word, "xt"):
			action = word
			wanted.list = strings.Contains(word, "t")
			if strings.Contains(word, "f") {
				wanted.archive, err = value()
			}
		case word == "-f":
			wanted.archive, err = value()
		case word == "-C":
			wanted.folder, err = value()
		case word == "--strip-components":
			var count string
			if count, err = value(); err == nil {
				wanted.strip, err = strconv.Atoi(count)
			}
		case strings.HasPrefix(word, "--strip-components="):
			wanted.strip, err = strconv.Atoi(strings.TrimPrefix(word, "--strip-components="))
		case strings.HasPrefix(word, "-"):
			err = fmt.Errorf("SIMULATOR: option %s not modelled", word)
		default:
			wanted.members = append(wanted.members, strings.TrimSuffix(filepath.ToSlash(word), "/"))
		}
		if err != nil {
			return wanted, err
		}
	}
	if action == "" || wanted.archive == "" {
		return wanted, errors.New("SIMULATOR: only -xf and -tf with an archive are modelled")
	}
	return wanted, nil
}

func (r request) run() error {
	file, err := os.Open(r.archive)
	if err != nil {
		return fmt.Errorf("Error opening archive: Failed to open '%s'", r.archive)
	}
	defer file.Close()
	content, err := decompress(file)
	if err != nil {
		return err
	}
	archive := tar.NewReader(content)
	found := map[string]bool{}
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			return r.missing(found)
		}
		if err != nil {
			return fmt.Errorf("Error opening archive: %w", err)
		}
		if !r.wants(path.Clean(entry.Name), found) {
			continue
		}
		if r.list {
			fmt.Println(entry.Name)
		} else if err := r.extract(entry, archive); err != nil {
			return err
		}
	}
}

// decompress by what the file begins with, as bsdtar does.
func decompress(file io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(file)
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		return gzip.NewReader(buffered)
	}
	return buffered, nil
}

func (r request) wants(name string, found map[string]bool) bool {
	for _, member := range r.members {
		if name == path.Clean(member) || strings.HasPrefix(name, path.Clean(member)+"/") {
			found[member] = true
			return true
		}
	}
	return len(r.members) == 0
}

func (r request) missing(found map[string]bool) error {
	for _, member := range r.members {
		if !found[member] {
			return fmt.Errorf("%s: Not found in archive", member)
		}
	}
	return nil
}

func (r request) extract(entry *tar.Header, content io.Reader) error {
	parts := strings.Split(path.Clean(entry.Name), "/")
	if len(parts) <= r.strip {
		return nil
	}
	name := filepath.Join(parts[r.strip:]...)
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%s: Path contains '..'", entry.Name)
	}
	target := filepath.Join(r.folder, name)
	switch entry.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(target, 0o755)
	case tar.TypeReg:
		return write(target, entry, content)
	}
	return fmt.Errorf("SIMULATOR: %s: member type %q not modelled", entry.Name, entry.Typeflag)
}

// write replaces a file, as bsdtar does: the old one is unlinked first, which fails while it runs.
func write(target string, entry *tar.Header, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: Can't unlink already-existing object: %w", entry.Name, err)
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Chtimes(target, entry.ModTime, entry.ModTime)
}
