package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// handler answers one call: the request's JSON in, a value that becomes the answer's JSON out.
type handler func(request []byte) (any, error)

// handlers are the calls of the agent: POST /<name>.
var handlers = map[string]handler{
	"ping":            call(func(struct{}) (any, error) { return map[string]int{"pid": os.Getpid()}, nil }),
	"environment":     call(environment),
	"file/write":      call(writeFile),
	"file/move":       call(moveFile),
	"file/remove":     call(removeFile),
	"file/mkdir":      call(makeDirectory),
	"registry/read":   call(readKey),
	"registry/set":    call(setValue),
	"registry/create": call(createKey),
	"registry/delete": call(deleteFromRegistry),
	"service/list":    call(listServices),
	"service/get":     call(getService),
	"service/create":  call(createService),
	"service/change":  call(changeService),
	"service/delete":  call(deleteService),
	"service/start":   call(startServiceCall),
	"service/stop":    call(stopServiceCall),
	"process/list":    call(listProcesses),
	"process/end":     call(endProcess),
	"process/run":     call(runProgram),
}

// call makes a handler of a function with a typed request.
func call[Request any](function func(Request) (any, error)) handler {
	return func(body []byte) (any, error) {
		var request Request
		if err := json.Unmarshal(body, &request); err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		return function(request)
	}
}

// failure is the answer to a call that Windows refused.
type failure struct {
	Code int    `json:"code"` // Win32 error code
	Text string `json:"text"`
}

func failureOf(err error) failure {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno < syscall.APPLICATION_ERROR {
		return failure{Code: int(errno), Text: errno.Error()}
	}
	if errors.Is(err, os.ErrNotExist) {
		return failure{Code: int(windows.ERROR_FILE_NOT_FOUND), Text: err.Error()}
	}
	return failure{Code: int(windows.ERROR_GEN_FAILURE), Text: err.Error()}
}

type server struct {
	listener net.Listener
	token    string
}

func newServer() (*server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{listener: listener, token: rand.Text()}
	return s, s.announce()
}

// announce writes port and token to a file that only appears whole.
func (s *server) announce() error {
	port := s.listener.Addr().(*net.TCPAddr).Port
	text, err := json.Marshal(map[string]any{"port": port, "token": s.token, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(addressFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(addressFile+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(addressFile+".new", addressFile)
}

func (s *server) serve() {
	mux := http.NewServeMux()
	for name, handle := range handlers {
		mux.HandleFunc("POST /"+name, s.answer(name, handle))
	}
	log.Printf("serve: %v", http.Serve(s.listener, mux))
}

func (s *server) answer(name string, handle handler) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		given := request.Header.Get("Authorization")
		if subtle.ConstantTimeCompare([]byte(given), []byte("Bearer "+s.token)) != 1 {
			http.Error(response, "wrong token", http.StatusUnauthorized)
			return
		}
		var body json.RawMessage
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := handle(body)
		response.Header().Set("Content-Type", "application/json")
		if err != nil {
			log.Printf("%s: %v", name, err)
			response.WriteHeader(http.StatusConflict)
			answer = failureOf(err)
		}
		json.NewEncoder(response).Encode(answer)
	}
}
