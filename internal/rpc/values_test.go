package rpc

import (
	"slices"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A message of 40 KB can have 20,000 earnings, and one of 4 MiB two million. Those that are too many are never made.
func TestListsOfMessagesAreBounded(t *testing.T) {
	t.Parallel()
	earnings := func(n int) proto.Message {
		return &payoutv1.BatchRecordEarningsRequest{Earnings: slices.Repeat([]*payoutv1.Earning{{}}, n)}
	}
	regions := func(n int) proto.Message { // far inside
		activity := &planv1.Activity{RegionCodes: slices.Repeat([]string{"US"}, n)}
		return &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Campaigns: []*planv1.Campaign{{Activities: []*planv1.Activity{activity}}}}}
	}
	for name, test := range map[string]struct {
		message proto.Message
		want    string
	}{
		"20,000 earnings":              {earnings(20_000), ""},
		"20,001 earnings":              {earnings(20_001), "TOO_MANY_VALUES"},
		"a million earnings":           {earnings(1_000_000), "TOO_MANY_VALUES"},
		"all regions of a large plan":  {regions(150_000), ""},
		"200,000 regions":              {regions(200_000), "TOO_MANY_VALUES"}, // and a campaign and an activity
		"no list, and a large message": {&planv1.GetPlanRequest{Name: string(make([]byte, 1<<20))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := proto.Marshal(test.message)
			if err != nil {
				t.Fatal(err)
			}
			got := test.message.ProtoReflect().New().Interface()
			half := len(data) / 2 // as it comes over a connection, in parts
			parts := mem.BufferSlice{mem.SliceBuffer(data[:half]), mem.SliceBuffer(data[half:])}
			err = receive(got, func(in any) error { return newCodec().Unmarshal(parts, in) })
			if reason := fault.ReasonOf(err); reason != test.want {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if test.want == "" != proto.Equal(got, test.message) {
				t.Errorf("read whole: %t", test.want != "")
			}
		})
	}
}
