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

// One for each thread that may have to wait for another's whole tile.
int64_t SharedTiles(int64_t tiles, int threads) {
  return std::min<int64_t>(tiles, threads - 1);
}

}  // namespace

struct TiledConv::SharedCall {
  const TiledConv* conv;
  Call call;
  uint8_t* workspace;
  size_t thread_bytes;
  uint8_t* products;  // of the first tile
  PhaseTicks* ticks;
  // The first of the tiles: the last may be smaller than others.
  int64_t shared_tiles;
  int64_t whole_tiles;
  int parts;  // of a shared tile
  // Of each shared tile. Whoever multiplies the last stores the tile.
  std::atomic<int> parts_left[kMaxThreads - 1];
};

size_t TiledConv::WorkspaceBytes(int threads) const {
  if (threads == 1) return ThreadBytes();
  const int64_t tiles = TilesOf({0, geometry().output.height});
  return std::max(ThreadBytes(), SharingThreadBytes()) * threads +
         SharedTileBytes() * SharedTiles(tiles, threads);
}

void TiledConv::RunRows(const void* const* inputs, void* output, RowRange rows,
                        void* workspace, ThreadPool* pool,
                        PhaseTicks* ticks) const {
  const int threads = pool == nullptr ? 1 : pool->threads();
  const int64_t tiles = TilesOf(rows);
  SharedCall call;
  call.conv = this;
  call.call = {inputs[0], output, rows};
  call.workspace = static_cast<uint8_t*>(workspace);
  call.thread_bytes = std::max(ThreadBytes(), SharingThreadBytes());
  call.products = call.workspace + call.thread_bytes * threads;
  call.ticks = ticks;
  call.shared_tiles = SharedTiles(tiles, threads);
  call.whole_tiles = tiles - call.shared_tiles;
  call.parts = std::min(filter_units(), kMostParts);
  for (int64_t i = 0; i < call.shared_tiles; ++i) {
    call.parts_left[i].store(call.parts, std::memory_order_relaxed);
  }
  RunTask(pool, {call.whole_tiles, call.shared_tiles * call.parts}, RunShare,
          &call);
}

void TiledConv::RunShare(void* context, const ThreadPool::Share& share) {
  SharedCall& call = *static_cast<SharedCall*>(context);
  const TiledConv& conv = *call.conv;
  uint8_t* memory = call.workspace + call.thread_bytes * share.thread();
  PhaseClock clock(call.ticks);
  WorkRange taken;
  while (share.Take(kWholeTiles, call.whole_tiles, &taken)) {
    conv.RunTiles(
        call.call,
        {call.shared_tiles + taken.begin, call.shared_tiles + taken.end},
        memory, &clock);
  }
  int64_t packed = -1;
  while (share.Take(kParts, 1, &taken)) {
    const int64_t tile = taken.begin / call.parts;
    const int64_t part = taken.begin % call.parts;
    uint8_t* products = call.products + conv.SharedTileBytes() * tile;
    if (tile != packed) conv.PackTile(call.call, tile, memory);
    packed = tile;
    clock.End(Phase::kPack);
    const int units = conv.filter_units();
    conv.MultiplyTile(
        call.call, tile,
        {units * part / call.parts, units * (part + 1) / call.parts}, memory,
        products);
    clock.End(Phase::kMultiply);
    if (call.parts_left[tile].fetch_sub(1) > 1) continue;
    conv.StoreTile(call.call, tile, memory, products);
    clock.End(Phase::kStore);
  }
}

}  // namespace tf_pconv
