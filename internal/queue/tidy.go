package queue

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// tidy trims a stream of what every group has acknowledged, and takes consumers off the list of a group that have
// nothing and are long silent: every process has a name of its own. It is one step: in between, a group could be made
// that needs what is trimmed, or such a consumer could be handed what would be lost with it.
//
// An entry is needed by a group from its oldest pending one on, or else from the last one that it was handed.
//
// KEYS  the stream.
// ARGV  the group, a consumer that stays in any case, for how many milliseconds the others have to be silent.
var tidy = redis.NewScript(`
local function about(list)
  local facts = {}
  for i = 1, #list, 2 do
    facts[list[i]] = list[i + 1]
  end
  return facts
end

-- Ids are milliseconds-number, both without leading zeros, and of more digits than Lua's numbers hold.
local function lower(a, b)
  local parts = { string.match(a, '^(%d+)%-(%d+)$') }
  for i, other in ipairs({ string.match(b, '^(%d+)%-(%d+)$') }) do
    if #parts[i] ~= #other then
      return #parts[i] < #other
    elseif parts[i] ~= other then
      return parts[i] < other
    end
  end
  return false
end

local oldest
for _, list in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = about(list)
  local needed = redis.call('XPENDING', KEYS[1], group['name'])[2] or group['last-delivered-id']
  if not oldest or lower(needed, oldest) then
    oldest = needed
  end
end
if oldest then
  redis.call('XTRIM', KEYS[1], 'MINID', '~', oldest, 'LIMIT', 0)
end
for _, list in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = about(list)
  if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[3]) and consumer['name'] ~= ARGV[2] then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
  end
end
return 0`)

func (r *reader) tidy(ctx context.Context) error {
	return tidy.Run(ctx, r.Client, []string{r.stream}, r.Group, r.Name, r.times.forgetAfter.Milliseconds()).Err()
}
