package redisstore_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
)

// TestKeysAreReadableByHand looks for everything where the package's documentation says that it lies.
func TestKeysAreReadableByHand(t *testing.T) {
	s := shared.Standalone(t)
	url := s.Place()
	_, prefix, _ := strings.Cut(url, "prefix=")
	db := mustOpen(t, url)
	var b store.Batch
	for _, id := range []string{"contoso/b", "contoso/a", "", "\x00\xff"} {
		b.Put(store.Key{Collection: "plans", ID: id}, []byte("plan "+id))
	}
	b.Add(store.Key{Collection: "earned_total", ID: "contoso/2026-04"}, 500_000)
	b.Add(store.Key{Collection: "earned_total", ID: "contoso/2026-05"}, -3)
	if err := db.Commit(t.Context(), 17, &b); err != nil {
		t.Fatal(err)
	}
	client, ctx := s.Client(t), t.Context()
	for _, look := range []struct {
		what      string
		got, want any
	}{
		{"GET store", client.Get(ctx, prefix+":store").Val(), `{"format":1,"partitions":64}`},
		{"SMEMBERS {17}", sorted(client.SMembers(ctx, prefix+":{17}").Val()), []string{"earned_total", "plans"}},
		{"HGET {17}:plans contoso/a", client.HGet(ctx, prefix+":{17}:plans", "contoso/a").Val(), "plan contoso/a"},
		{"HLEN {17}:plans", client.HLen(ctx, prefix+":{17}:plans").Val(), int64(4)},
		{"ZRANGE {17}:plans:ids 0 -1", client.ZRange(ctx, prefix+":{17}:plans:ids", 0, -1).Val(), []string{"", "\x00\xff", "contoso/a", "contoso/b"}},
		{"ZCOUNT {17}:plans:ids 0 0", client.ZCount(ctx, prefix+":{17}:plans:ids", "0", "0").Val(), int64(4)},
		{"HGETALL {17}:earned_total", client.HGetAll(ctx, prefix+":{17}:earned_total").Val(), map[string]string{"contoso/2026-04": "500000", "contoso/2026-05": "-3"}},
		{"KEYS", sorted(client.Keys(ctx, prefix+":*").Val()), []string{
			prefix + ":store", prefix + ":{17}", prefix + ":{17}:earned_total", prefix + ":{17}:earned_total:ids", prefix + ":{17}:plans", prefix + ":{17}:plans:ids",
		}},
	} {
		if diff := cmp.Diff(look.want, look.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", look.what, diff)
		}
	}

	b.Reset()
	for _, id := range []string{"contoso/b", "contoso/a", "", "\x00\xff"} {
		b.Delete(store.Key{Collection: "plans", ID: id})
	}
	if err := db.Commit(t.Context(), 17, &b); err != nil {
		t.Fatal(err)
	}
	want := []string{prefix + ":store", prefix + ":{17}", prefix + ":{17}:earned_total", prefix + ":{17}:earned_total:ids"}
	if diff := cmp.Diff(want, sorted(client.Keys(ctx, prefix+":*").Val())); diff != "" {
		t.Errorf("keys after deleting all plans (-want +got):\n%s", diff)
	}
}

// TestHashesOfManyAreTables: a list of some hundred values, through which Redis walks for each, made recording take a third longer.
func TestHashesOfManyAreTables(t *testing.T) {
	s := shared.Standalone(t)
	url := s.Place()
	_, prefix, _ := strings.Cut(url, "prefix=")
	db, client := mustOpen(t, url), s.Client(t)
	for _, collection := range []string{"put", "added"} {
		var b store.Batch
		for i := range 100 {
			if key := (store.Key{Collection: collection, ID: strconv.Itoa(i)}); collection == "put" {
				b.Put(key, nil)
			} else {
				b.Add(key, 1)
			}
		}
		if err := db.Commit(t.Context(), 3, &b); err != nil {
			t.Fatal(err)
		}
		hash := prefix + ":{3}:" + collection
		if got := client.ObjectEncoding(t.Context(), hash).Val(); got != "hashtable" {
			t.Errorf("100 values of %s are a %s", collection, got)
		}
		if got := client.HLen(t.Context(), hash).Val(); got != 100 {
			t.Errorf("100 values of %s have become %d", collection, got)
		}
	}
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// TestPrefixesJoin has two services share the place of one URL.
func TestPrefixesJoin(t *testing.T) {
	s := shared.Standalone(t)
	url := s.Place()
	_, place, _ := strings.Cut(url, "prefix=")
	for _, service := range []string{"plansvc", "payoutsvc"} {
		db, err := redisstore.Open(url, redisstore.Options{Prefix: service})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		var b store.Batch
		b.Require(store.Key{Collection: "things", ID: "a"}, nil)
		b.Put(store.Key{Collection: "things", ID: "a"}, []byte(service))
		if err := db.Commit(t.Context(), 17, &b); err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		if got := s.Client(t).HGet(t.Context(), place+":"+service+":{17}:things", "a").Val(); got != service {
			t.Errorf("%s finds %q in its place", service, got)
		}
	}
}
