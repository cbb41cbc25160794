package queue

import (
	"context"
	"time"
)

// Hurry has a consumer wait for nothing that tests have to wait for in real time.
func (c *Consumer) Hurry() *Consumer {
	c.times = times{
		block: 20 * time.Millisecond, answer: 300 * time.Millisecond, claimAfter: 100 * time.Millisecond, claimEvery: usual.claimEvery,
		forgetAfter: 100 * time.Millisecond,
	}
	return c
}

// Tidy does once what a consumer does again and again to a stream.
func (c *Consumer) Tidy(ctx context.Context, stream string) error {
	return (&reader{Consumer: c, stream: stream, times: c.times}).tidy(ctx)
}
