package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// A state is the health of all services of one server, which is the same for
// each of them and for the server as a whole, whose name is "".
type state struct {
	*health.Server
	services []string
	drain    <-chan struct{}
}

// newState adds health to a server that has its services. It is NOT_SERVING.
func newState(server *grpc.Server, drain <-chan struct{}) *state {
	s := &state{Server: health.NewServer(), services: []string{""}, drain: drain}
	for name := range server.GetServiceInfo() {
		s.services = append(s.services, name)
	}
	s.set(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	grpc_health_v1.RegisterHealthServer(server, s)
	return s
}

func (s *state) set(status grpc_health_v1.HealthCheckResponse_ServingStatus) {
	for _, name := range s.services {
		s.SetServingStatus(name, status)
	}
}

// Watch tells of a service's health until the server begins to stop. What
// watched longer would be waited for like a call that is in flight.
func (s *state) Watch(request *grpc_health_v1.HealthCheckRequest, stream grpc_health_v1.Health_WatchServer) error {
	ctx, stop := context.WithCancel(stream.Context())
	defer stop()
	go func() {
		select {
		case <-s.drain:
			stop()
		case <-ctx.Done():
		}
	}()
	err := s.Server.Watch(request, watch{stream, ctx})
	if ctx.Err() == nil || stream.Context().Err() != nil {
		return err
	}
	// It may have ended before it told so.
	if err := stream.Send(&grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_NOT_SERVING}); err != nil {
		return err
	}
	return Draining()
}

// A watch is a stream that ends with another context than its own.
type watch struct {
	grpc_health_v1.Health_WatchServer
	ctx context.Context
}

func (w watch) Context() context.Context { return w.ctx }
