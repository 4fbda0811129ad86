#include "delegate/core/tiled_conv.h"

#include <algorithm>
#include <atomic>

namespace tf_pconv {
namespace {

// What a thread takes, in the order of WorkSizes: parts of shared tiles when no
// whole tile is left.
constexpr int kWholeTiles = 0;
constexpr int kParts = 1;

// Parts of a shared tile: enough for threads to end at the same time, and few
// enough to be worth a call.
constexpr int kMostParts = 16;

constexpr int kMostSharedTiles = 2 * (kMaxThreads - 1);

// How many tiles, the last ones, are shared: about one for each thread that may
// wait, so many that the others are the same number for each.
int64_t SharedTiles(int64_t tiles, int threads) {
  const int64_t whole = std::max<int64_t>(tiles - (threads - 1), 0);
  return tiles - whole / threads * threads;
}

}  // namespace

struct TiledConv::SharedCall {
  const TiledConv* conv;
  Call call;
  uint8_t* workspace;
  size_t thread_bytes;
  uint8_t* products;  // of the first shared tile
  PhaseTicks* ticks;
  int64_t whole_tiles;
  int parts;  // of a shared tile
  // Of each shared tile. Whoever multiplies the last stores the tile.
  std::atomic<int> parts_left[kMostSharedTiles];
};

size_t TiledConv::WorkspaceBytes(int threads) const {
  if (threads == 1) return ThreadBytes();
  const int64_t tiles = TilesOf({0, geometry().output.height});
  const int64_t shared = std::min<int64_t>(tiles, 2 * (threads - 1));
  return std::max(ThreadBytes(), SharingThreadBytes()) * threads +
         SharedTileBytes() * shared;
}

void TiledConv::RunRows(const void* const* inputs, void* output, RowRange rows,
                        void* workspace, ThreadPool* pool,
                        PhaseTicks* ticks) const {
  const int threads = pool == nullptr ? 1 : pool->threads();
  const int64_t tiles = TilesOf(rows);
  const int64_t shared = SharedTiles(tiles, threads);
  SharedCall call;
  call.conv = this;
  call.call = {inputs[0], output, rows};
  call.workspace = static_cast<uint8_t*>(workspace);
  call.thread_bytes = std::max(ThreadBytes(), SharingThreadBytes());
  call.products = call.workspace + call.thread_bytes * threads;
  call.ticks = ticks;
  call.whole_tiles = tiles - shared;
  call.parts = std::min(filter_units(), kMostParts);
  for (int64_t i = 0; i < shared; ++i) {
    call.parts_left[i].store(call.parts, std::memory_order_relaxed);
  }
  RunTask(pool, {call.whole_tiles, shared * call.parts}, RunShare, &call);
}

void TiledConv::RunShare(void* context, const ThreadPool::Share& share) {
  SharedCall& call = *static_cast<SharedCall*>(context);
  const TiledConv& conv = *call.conv;
  uint8_t* memory = call.workspace + call.thread_bytes * share.thread();
  PhaseClock clock(call.ticks);
  WorkRange taken;
  while (share.Take(kWholeTiles, call.whole_tiles, &taken)) {
    conv.RunTiles(call.call, taken, memory, &clock);
  }
  int64_t packed = -1;
  while (share.Take(kParts, 1, &taken)) {
    const int64_t index = taken.begin / call.parts;
    const int64_t part = taken.begin % call.parts;
    const int64_t tile = call.whole_tiles + index;
    uint8_t* products = call.products + conv.SharedTileBytes() * index;
    if (tile != packed) conv.PackTile(call.call, tile, memory);
    packed = tile;
    clock.End(Phase::kPack);
    const int units = conv.filter_units();
    conv.MultiplyTile(
        call.call, tile,
        {units * part / call.parts, units * (part + 1) / call.parts}, memory,
        products);
    clock.End(Phase::kMultiply);
    if (call.parts_left[index].fetch_sub(1) > 1) continue;
    conv.StoreTile(call.call, tile, memory, products);
    clock.End(Phase::kStore);
  }
}

}  // namespace tf_pconv
