#ifndef TF_PCONV_DELEGATE_CORE_TILE_SHARES_H_
#define TF_PCONV_DELEGATE_CORE_TILE_SHARES_H_

#include <algorithm>
#include <cstdint>

namespace tf_pconv {

// How many tiles at the end, of some that each take one thread, all threads
// share by filters instead: threads that got a tile more than others, or one
// that is larger, would keep them waiting.
inline int SharedTiles(int64_t tiles, bool last_is_smaller, int threads) {
  // So many tiles for each thread are divided well enough.
  constexpr int kManyTiles = 64;
  if (threads == 1 || tiles >= kManyTiles * threads) return 0;
  const int smaller = last_is_smaller ? 1 : 0;
  return static_cast<int>((tiles - smaller) % threads) + smaller;
}

// Cuts the filter groups of some tiles, taken one tile behind the other, into
// shares of equal work.
class TileShares {
 public:
  // The work of the last tile may be less than that of the others, not more.
  TileShares(int64_t tiles, int tile_work, int last_work, int groups)
      : tiles_(tiles),
        tile_work_(tile_work),
        last_work_(last_work),
        groups_(groups) {}

  // Calls visit(tile, first group, groups) for what belongs to a share.
  template <typename Visit>
  void ForEach(int share, int shares, Visit visit) const {
    const int64_t tile_work = int64_t{tile_work_} * groups_;
    const int64_t work =
        (tiles_ - 1) * tile_work + int64_t{last_work_} * groups_;
    const int64_t begin = work * share / shares;
    const int64_t end = work * (share + 1) / shares;
    for (int64_t tile = begin / tile_work;
         tile < tiles_ && tile * tile_work < end; ++tile) {
      const int group_work = tile == tiles_ - 1 ? last_work_ : tile_work_;
      const auto group = [&](int64_t place) {
        const int64_t groups = (place - tile * tile_work) / group_work;
        return static_cast<int>(std::clamp<int64_t>(groups, 0, groups_));
      };
      const int first = group(begin), last = group(end);
      if (first < last) visit(tile, first, last - first);
    }
  }

 private:
  const int64_t tiles_;
  const int tile_work_;
  const int last_work_;
  const int groups_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_TILE_SHARES_H_
