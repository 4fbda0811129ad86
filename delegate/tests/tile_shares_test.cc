#include "delegate/core/tile_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tf_pconv {
namespace {

struct Case {
  int tiles, tile_work, last_work, groups, shares;
};

class TileSharesTest : public testing::TestWithParam<Case> {};

TEST_P(TileSharesTest, EveryGroupOfEveryTileBelongsToOneShare) {
  const Case& test = GetParam();
  const TileShares tested(test.tiles, test.tile_work, test.last_work,
                          test.groups);
  std::vector<int> seen(test.tiles * test.groups, 0);
  for (int share = 0; share < test.shares; ++share) {
    tested.ForEach(share, test.shares,
                   [&](int64_t tile, int first, int groups) {
                     ASSERT_LE(first + groups, test.groups);
                     for (int i = first; i < first + groups; ++i) {
                       ++seen[tile * test.groups + i];
                     }
                   });
  }
  for (int count : seen) EXPECT_EQ(count, 1);
}

// No share has more than its part of the work and a group of a tile.
TEST_P(TileSharesTest, SharesAreEqual) {
  const Case& test = GetParam();
  const TileShares tested(test.tiles, test.tile_work, test.last_work,
                          test.groups);
  const double work = double(test.groups) *
                      ((test.tiles - 1) * test.tile_work + test.last_work);
  for (int share = 0; share < test.shares; ++share) {
    double done = 0;
    tested.ForEach(share, test.shares, [&](int64_t tile, int, int groups) {
      done += double(groups) *
              (tile == test.tiles - 1 ? test.last_work : test.tile_work);
    });
    EXPECT_LE(done, work / test.shares + test.tile_work);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cuts, TileSharesTest,
    testing::Values(Case{1, 64, 64, 40, 2}, Case{4, 64, 16, 7, 2},
                    Case{3, 80, 48, 128, 4}, Case{5, 1, 1, 3, 2},
                    Case{2, 64, 32, 1, 7}, Case{1, 16, 16, 1, 3}));

// Threads have equal numbers of whole tiles, unless these are many; a smaller
// one is shared.
TEST(SharedTilesTest, LeaveEqualNumbersOfLargeTiles) {
  for (int threads : {1, 2, 3, 5, 16}) {
    for (int tiles = 1; tiles < 400; ++tiles) {
      for (bool last_is_smaller : {false, true}) {
        SCOPED_TRACE(testing::Message() << tiles << " tiles, " << threads);
        const int shared = SharedTiles(tiles, last_is_smaller, threads);
        EXPECT_GE(shared, 0);
        EXPECT_LE(shared, std::min(tiles, threads));
        if (threads == 1) {
          EXPECT_EQ(shared, 0);
        } else if (tiles < 20 * threads) {
          EXPECT_EQ((tiles - shared) % threads, 0);
          EXPECT_GE(shared, last_is_smaller ? 1 : 0);
        } else if (tiles > 100 * threads) {
          EXPECT_EQ(shared, 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tf_pconv
