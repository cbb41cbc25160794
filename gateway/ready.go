package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// readyTime is how long a service may take to say that it can work.
const readyTime = time.Second

// health says that the gateway is alive, whatever it stands before.
func (m *mux) health(w http.ResponseWriter, _ *http.Request) {
	writeState(w, http.StatusOK, map[string]string{"status": "alive"})
}

// ready says whether calls can be answered: the gateway is not stopping, and both services can work.
func (m *mux) ready(w http.ResponseWriter, r *http.Request) {
	state := map[string]string{
		"plansvc":   m.serviceState(r.Context(), m.plans, planv1.PlanService_ServiceDesc.ServiceName),
		"payoutsvc": m.serviceState(r.Context(), m.payouts, payoutv1.PayoutService_ServiceDesc.ServiceName),
	}
	switch {
	case m.stopping.Err() != nil:
		state["status"] = "stopping"
	case state["plansvc"] == isReady && state["payoutsvc"] == isReady:
		state["status"] = isReady
		writeState(w, http.StatusOK, state)
		return
	default:
		state["status"] = "not ready"
	}
	writeState(w, http.StatusServiceUnavailable, state)
}

const isReady = "ready"

// serviceState asks a service whether it can work, once for all who ask at the same time: everybody may.
func (m *mux) serviceState(ctx context.Context, conn *grpc.ClientConn, service string) string {
	state, _, _ := m.asking.Do(service, func() (any, error) {
		return askState(context.WithoutCancel(ctx), conn, service), nil
	})
	text, _ := state.(string) // it is one
	return text
}

func askState(ctx context.Context, conn *grpc.ClientConn, service string) string {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	switch {
	case err != nil:
		return "can't be reached"
	case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
		return "not ready"
	}
	return isReady
}

func writeState(w http.ResponseWriter, status int, state map[string]string) {
	body, err := json.Marshal(state)
	if err != nil {
		status = http.StatusInternalServerError // a map of strings: never
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller has gone
}
