#ifndef TF_PCONV_DELEGATE_CORE_TILED_CONV_H_
#define TF_PCONV_DELEGATE_CORE_TILED_CONV_H_

#include <cstddef>
#include <cstdint>

#include "delegate/core/phases.h"
#include "delegate/core/thread_pool.h"
#include "delegate/core/window_operator.h"
#include "delegate/core/work_queue.h"

namespace tf_pconv {

// A convolution that is computed tile by tile: some outputs at a time, of all
// filters.
//
// Threads take whole tiles, and then share the filters of a few that they left
// for the end: nobody waits for a thread that has begun the last whole tile.
class TiledConv : public WindowConv {
 public:
  using WindowConv::WindowConv;

  size_t WorkspaceBytes(int threads) const final;

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const final;

 protected:
  // What is computed. Tiles are counted from the first of these rows.
  struct Call {
    const void* input;
    void* output;
    RowRange rows;
  };

  virtual int64_t TilesOf(RowRange rows) const = 0;

  // Memory, in multiples of the alignment: that of a thread when it runs whole
  // tiles, or one that is shared, and that of a shared tile between its
  // multiplication and its storing.
  virtual size_t ThreadBytes() const = 0;
  virtual size_t SharingThreadBytes() const { return ThreadBytes(); }
  virtual size_t SharedTileBytes() const = 0;

  // Filters of a tile that one thread multiplies.
  virtual int filter_units() const = 0;

  // Computes whole tiles.
  virtual void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                        PhaseClock* clock) const = 0;

  // Packs the inputs of a tile into the memory of a thread, for MultiplyTile.
  virtual void PackTile(const Call& call, int64_t tile,
                        uint8_t* memory) const = 0;
  virtual void MultiplyTile(const Call& call, int64_t tile, WorkRange units,
                            uint8_t* memory, uint8_t* products) const = 0;
  // When all units of a tile are multiplied.
  virtual void StoreTile(const Call& call, int64_t tile, uint8_t* memory,
                         const uint8_t* products) const = 0;

 private:
  // A call that threads share.
  struct SharedCall;

  static void RunShare(void* context, const ThreadPool::Share& share);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_TILED_CONV_H_
