#ifndef TF_PCONV_DELEGATE_TFLITE_PROFILE_H_
#define TF_PCONV_DELEGATE_TFLITE_PROFILE_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "delegate/core/operator.h"
#include "delegate/core/phases.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// Where the time of a layer goes.
struct LayerProfile {
  int node = 0;
  int output = 0;  // tensor of the graph
  const char* operator_name = "";
  const char* kernel = "";
  std::vector<char> name;  // of the output; ends with a null
  ActivationShape input_shape;
  ActivationShape output_shape;
  // Of all runs.
  uint64_t ticks = 0;
  PhaseTicks phases = {};
};

// A moment on two clocks: ticks, which take no time to read, and nanoseconds of
// CLOCK_MONOTONIC.
struct Moment {
  uint64_t ticks = 0;
  uint64_t nanoseconds = 0;

  static Moment Now();
};

// Where the time of a region goes. The first run, which finds the caches cold,
// does not count.
class RegionProfile {
 public:
  explicit RegionProfile(int threads) : threads_(threads) {}

  // Forgets all runs.
  void Reset(std::vector<LayerProfile> layers);

  void BeginRun();
  void EndRun();

  // Around each pass of a layer.
  PhaseTicks* BeginLayer(int layer);
  void EndLayer(int layer);

  void Write(FILE* file) const;

 private:
  void WriteLayer(const LayerProfile& layer, double tick, FILE* file) const;
  // The mean of all runs, in nanoseconds, of a sum in ticks of that length.
  uint64_t Mean(uint64_t sum, double tick) const;

  const int threads_;
  std::vector<LayerProfile> layers_;
  Moment start_;
  bool warm_ = false;
  uint64_t runs_ = 0;
  uint64_t run_begin_ = 0;
  uint64_t layer_begin_ = 0;
  // Sums over all runs of the ticks since the start.
  uint64_t begins_ = 0;
  uint64_t ends_ = 0;
};

// The profile of all that a delegate runs: a JSON file, see docs/delegate.md.
class Profile {
 public:
  // Opens the file, which is written in the end.
  static std::unique_ptr<Profile> Open(const char* path, Status* status);
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  ~Profile();

  // A profile that lives as long as this.
  RegionProfile* AddRegion(int threads);

 private:
  explicit Profile(FILE* file) : file_(file) {}

  FILE* const file_;
  std::vector<std::unique_ptr<RegionProfile>> regions_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_PROFILE_H_
