package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// rawCodec passes messages on as they are.
type rawCodec struct{}

// message is the bytes of a message.
type message struct{ data mem.BufferSlice }

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("the gate sends no %T", v)
	}
	return m.data, nil // freed when it is sent
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("the gate receives no %T", v)
	}
	data.Ref()
	m.data = data
	return nil
}

// take gives the bytes and forgets them.
func (m *message) take() []byte {
	b := m.data.Materialize()
	m.data.Free()
	m.data = nil
	return b
}

func messageOf(b []byte) *message { return &message{mem.BufferSlice{mem.SliceBuffer(b)}} }

const (
	// maxMessage is more than BuildKit itself takes (16 MiB).
	maxMessage = 64 << 20
	// window lets a build context flow at the speed of the machine.
	window = 4 << 20
	// buffer is a run of bytes between two sockets: a context is many small
	// files.
	buffer = 256 << 10
)

// newClient is the side of the gate that calls: BuildKit, or a build client.
func newClient(name string, dial func(context.Context) (net.Conn, error)) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+name,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithReadBufferSize(buffer), grpc.WithWriteBufferSize(buffer))
}

// newServer is the side of the gate that is called, whatever the call is.
func newServer(handler grpc.StreamHandler) *grpc.Server {
	return grpc.NewServer(grpc.UnknownServiceHandler(handler), grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window), grpc.ReadBufferSize(buffer), grpc.WriteBufferSize(buffer))
}

// The calls that the gate looks at.
const (
	controlSolve  = "/moby.buildkit.v1.Control/Solve"
	controlStatus = "/moby.buildkit.v1.Control/Status"
	bridgeSolve   = "/moby.buildkit.v1.frontend.LLBBridge/Solve"
	bridgeReturn  = "/moby.buildkit.v1.frontend.LLBBridge/Return"
)

const buildIDKey = "buildkit-controlapi-buildid"

// handle serves every call there is.
func (g *Gate) handle(_ any, down grpc.ServerStream) error {
	method, ok := grpc.MethodFromServerStream(down)
	if !ok {
		return status.Error(codes.Internal, "leakscan: a call without a name")
	}
	md, _ := metadata.FromIncomingContext(down.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(down.Context(), passedOn(md)))
	defer cancel()
	var id string
	if ids := md.Get(buildIDKey); len(ids) == 1 {
		id = ids[0]
	}
	var err error
	switch method {
	case controlSolve:
		err = g.unary(ctx, down, method, g.controlSolve)
	case bridgeSolve:
		err = g.unary(ctx, down, method, func(ctx context.Context, in []byte, call caller) ([]byte, error) {
			return g.bridgeSolve(ctx, id, in, call)
		})
	case bridgeReturn:
		err = g.unary(ctx, down, method, func(ctx context.Context, in []byte, call caller) ([]byte, error) {
			return g.bridgeReturn(ctx, id, in, call)
		})
	case controlStatus:
		err = forward(ctx, cancel, g.up, down, method, g.newRedactor().message)
	case sessionMethod:
		err = g.controlSession(ctx, down, md)
	default:
		err = forward(ctx, cancel, g.up, down, method, nil)
	}
	return g.masked(err)
}

// passedOn are the headers of a call that its other end is to see.
func passedOn(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for k, v := range md {
		if k == "content-type" || k == "user-agent" || strings.HasPrefix(k, ":") || strings.HasPrefix(k, "grpc-") {
			continue // of this connection
		}
		out[k] = v
	}
	return out
}

// caller makes a unary call to BuildKit.
type caller func(ctx context.Context, in []byte) ([]byte, error)

// unary serves a call of one message each way.
func (g *Gate) unary(ctx context.Context, down grpc.ServerStream, method string, do func(context.Context, []byte, caller) ([]byte, error)) error {
	var in message
	if err := down.RecvMsg(&in); err != nil {
		return err
	}
	out, err := do(ctx, in.take(), func(ctx context.Context, in []byte) ([]byte, error) {
		var out message
		var header, trailer metadata.MD
		err := g.up.Invoke(ctx, method, messageOf(in), &out, grpc.ForceCodecV2(rawCodec{}), grpc.Header(&header), grpc.Trailer(&trailer))
		down.SetHeader(header)
		down.SetTrailer(trailer)
		if err != nil {
			return nil, err
		}
		return out.take(), nil
	})
	if err != nil {
		return err
	}
	return down.SendMsg(messageOf(out))
}

// forward passes a stream on to its other end. change, if there is one, sees
// what comes back; it gives nil for what it keeps back, and is asked once more, with nil,
// at the end.
func forward(ctx context.Context, cancel context.CancelFunc, to *grpc.ClientConn, down grpc.ServerStream, method string, change func([]byte) []byte) error {
	up, err := to.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		return err
	}
	go func() {
		for {
			var m message
			if err := down.RecvMsg(&m); err != nil {
				if errors.Is(err, io.EOF) {
					up.CloseSend()
				} else {
					cancel()
				}
				return
			}
			if err := up.SendMsg(&m); err != nil {
				return // RecvMsg of the same stream says why
			}
		}
	}()
	if header, err := up.Header(); err == nil {
		down.SendHeader(header)
	}
	for {
		var m message
		if err := up.RecvMsg(&m); err != nil {
			if change != nil {
				if rest := change(nil); rest != nil {
					down.SendMsg(messageOf(rest))
				}
			}
			down.SetTrailer(up.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if change != nil {
			b := m.take()
			if b == nil {
				b = []byte{} // nil is the end
			}
			if b = change(b); b == nil {
				continue
			}
			m = *messageOf(b)
		}
		if err := down.SendMsg(&m); err != nil {
			return err
		}
	}
}

// masked takes out of an error what must not be shown: BuildKit quotes commands,
// and the lines of the Dockerfile.
func (g *Gate) masked(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	p := st.Proto()
	if strings.HasPrefix(p.Message, "leakscan: ") {
		p.Message = string(g.shown().Mask([]byte(p.Message))) // a report: the rest is done
	} else {
		p.Message = g.hideStep(p.Message)
	}
	p.Details = slices.DeleteFunc(p.Details, func(d *anypb.Any) bool {
		var src errdefs.Source
		if strings.HasSuffix(d.TypeUrl, "errdefs.Source+json") {
			if json.Unmarshal(d.Value, &src) != nil {
				return true
			}
			was := src.Info.GetData()
			if g.hideSource(src.Info); bytes.Equal(was, src.Info.GetData()) {
				return false
			}
			var err error
			d.Value, err = json.Marshal(&src)
			return err != nil
		}
		return len(g.cover(d.Value)) > 0 // a length in it would be wrong: the text stays
	})
	return status.FromProto(p).Err()
}
