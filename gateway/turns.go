package gateway

import (
	"context"

	"github.com/incentives-dev/incentives/internal/limit"
)

// Turns are for reading and writing large texts, which takes longer than most calls. Anybody may send some, since it is the service that asks
// who a caller is, behind this. So sources have their turns.
type turns struct{ *limit.Turns }

// take waits for the turn of a text of so many bytes, of the request that ctx is of. When it has been read or written, leave has to be called,
// once. Small ones don't wait. The error is that of ctx.
func (t turns) take(ctx context.Context, size int) (leave func(), err error) {
	if size <= smallBody {
		return func() {}, nil
	}
	source, _ := ctx.Value(sourceKey{}).(string)
	return t.Take(ctx, source)
}
