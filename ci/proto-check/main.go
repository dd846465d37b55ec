// SPDX-License-Identifier: Apache-2.0

// Command proto-check prints what the published Go modules say about the interfaces that proto/ defines: one
// sorted line for each message, field, enum value and method. proto/check.py prints ours in the same form and
// compares. The descriptors compiled into the modules are read, not their .proto files: they are what kubelet
// and containerd really speak.
//
//	message NAME | NAME map
//	field MESSAGE.FIELD NUMBER LABEL TYPE [packed] [oneof NAME]
//	value ENUM.VALUE NUMBER
//	rpc /SERVICE/METHOD [stream] REQUEST -> [stream] RESPONSE
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	gogo "github.com/gogo/protobuf/proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	pr "google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/containerd/containerd/api/events"
	_ "github.com/containerd/containerd/api/services/containers/v1"
	_ "github.com/containerd/containerd/api/services/content/v1"
	_ "github.com/containerd/containerd/api/services/diff/v1"
	_ "github.com/containerd/containerd/api/services/events/v1"
	_ "github.com/containerd/containerd/api/services/images/v1"
	_ "github.com/containerd/containerd/api/services/introspection/v1"
	_ "github.com/containerd/containerd/api/services/leases/v1"
	_ "github.com/containerd/containerd/api/services/namespaces/v1"
	_ "github.com/containerd/containerd/api/services/sandbox/v1"
	_ "github.com/containerd/containerd/api/services/snapshots/v1"
	_ "github.com/containerd/containerd/api/services/tasks/v1"
	_ "github.com/containerd/containerd/api/services/version/v1"
	_ "github.com/containerd/containerd/api/types/runc/options"
	_ "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	_ "k8s.io/cri-api-v1alpha2/pkg/apis/runtime/v1alpha2"
	_ "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Packages that proto/ has parts of.
var wanted = []string{"runtime.v1", "runtimeoptions.", "containerd.", "google.protobuf", "google.rpc"}

type printer struct{ lines []string }

func (p *printer) add(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *printer) field(f pr.FieldDescriptor) {
	kind := f.Kind().String()
	switch {
	case f.Message() != nil:
		kind = string(f.Message().FullName())
	case f.Enum() != nil:
		kind = string(f.Enum().FullName())
	}
	extra := ""
	if f.IsPacked() {
		extra += " packed"
	}
	if f.ContainingOneof() != nil {
		extra += " oneof " + string(f.ContainingOneof().Name())
	}
	p.add("field %s %d %s %s%s", f.FullName(), f.Number(), f.Cardinality(), kind, extra)
}

func (p *printer) messages(list pr.MessageDescriptors) {
	for i := 0; i < list.Len(); i++ {
		m := list.Get(i)
		kind := ""
		if m.IsMapEntry() {
			kind = " map"
		}
		p.add("message %s%s", m.FullName(), kind)
		for j := 0; j < m.Fields().Len(); j++ {
			p.field(m.Fields().Get(j))
		}
		p.enums(m.Enums())
		p.messages(m.Messages())
	}
}

func (p *printer) enums(list pr.EnumDescriptors) {
	for i := 0; i < list.Len(); i++ {
		e := list.Get(i)
		for j := 0; j < e.Values().Len(); j++ {
			v := e.Values().Get(j)
			p.add("value %s.%s %d", e.FullName(), v.Name(), v.Number())
		}
	}
}

func (p *printer) services(list pr.ServiceDescriptors) {
	stream := func(yes bool) string {
		if yes {
			return "stream "
		}
		return ""
	}
	for i := 0; i < list.Len(); i++ {
		s := list.Get(i)
		for j := 0; j < s.Methods().Len(); j++ {
			m := s.Methods().Get(j)
			p.add("rpc /%s/%s %s%s -> %s%s", s.FullName(), m.Name(), stream(m.IsStreamingClient()),
				m.Input().FullName(), stream(m.IsStreamingServer()), m.Output().FullName())
		}
	}
}

func (p *printer) file(f pr.FileDescriptor) {
	p.messages(f.Messages())
	p.enums(f.Enums())
	p.services(f.Services())
}

// v1alpha2 comes from a module of the gogo kind, which keeps a registry of its own.
func v1alpha2() (pr.FileDescriptor, error) {
	z, err := gzip.NewReader(bytes.NewReader(gogo.FileDescriptor("api.proto")))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	var fd descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(raw, &fd); err != nil {
		return nil, err
	}
	fd.Dependency = nil // gogo's options, nothing on the wire
	fd.PublicDependency, fd.WeakDependency = nil, nil
	return protodesc.FileOptions{AllowUnresolvable: true}.New(&fd, protoregistry.GlobalFiles)
}

func main() {
	p := &printer{}
	protoregistry.GlobalFiles.RangeFiles(func(f pr.FileDescriptor) bool {
		for _, w := range wanted {
			if strings.HasPrefix(string(f.Package()), w) {
				p.file(f)
				break
			}
		}
		return true
	})
	old, err := v1alpha2()
	if err != nil {
		fmt.Fprintln(os.Stderr, "proto-check: the v1alpha2 descriptor cannot be read:", err)
		os.Exit(1)
	}
	p.file(old)
	sort.Strings(p.lines)
	fmt.Println(strings.Join(p.lines, "\n"))
}
