#include "delegate/tflite/profile.h"

#include <errno.h>
#include <time.h>

#include <cinttypes>
#include <cstring>
#include <utility>

#include "delegate/tflite/log.h"

namespace tf_pconv {
namespace {

uint64_t Nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void WriteString(const char* text, FILE* file) {
  fputc('"', file);
  for (; *text != '\0'; ++text) {
    const auto character = static_cast<unsigned char>(*text);
    if (character < 0x20) {
      fprintf(file, "\\u%04x", character);
      continue;
    }
    if (character == '"' || character == '\\') fputc('\\', file);
    fputc(character, file);
  }
  fputc('"', file);
}

void WriteShape(const char* key, const ActivationShape& shape, FILE* file) {
  fprintf(file, ", \"%s\": [%d, %d, %d, %d]", key, shape.batch, shape.height,
          shape.width, shape.channels);
}

}  // namespace

Moment Moment::Now() {
  // What comes between the readings is seldom there twice.
  constexpr int kTries = 5;
  Moment best;
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = ClockTicks();
    const uint64_t nanoseconds = Nanoseconds();
    const uint64_t passed = ClockTicks() - before;
    if (passed >= least) continue;
    least = passed;
    best = {before + passed / 2, nanoseconds};
  }
  return best;
}

void RegionProfile::Reset(std::vector<LayerProfile> layers) {
  layers_ = std::move(layers);
  start_ = Moment::Now();
  warm_ = false;
  runs_ = begins_ = ends_ = 0;
}

void RegionProfile::BeginRun() { run_begin_ = ClockTicks(); }

void RegionProfile::EndRun() {
  const uint64_t end = ClockTicks();
  if (!warm_) {
    warm_ = true;
    for (LayerProfile& layer : layers_) {
      layer.ticks = 0;
      for (auto& phase : layer.phases) phase.store(0);
    }
    return;
  }
  ++runs_;
  begins_ += run_begin_ - start_.ticks;
  ends_ += end - start_.ticks;
}

PhaseTicks* RegionProfile::BeginLayer(int layer) {
  layer_begin_ = ClockTicks();
  return &layers_[layer].phases;
}

void RegionProfile::EndLayer(int layer) {
  layers_[layer].ticks += ClockTicks() - layer_begin_;
}

void RegionProfile::Write(FILE* file) const {
  const Moment now = Moment::Now();
  const double tick = double(now.nanoseconds - start_.nanoseconds) /
                      double(now.ticks - start_.ticks);
  fprintf(file,
          "{\"threads\": %d, \"runs\": %" PRIu64 ", \"begin_ns\": %" PRIu64
          ", \"end_ns\": %" PRIu64 ", \"layers\": [",
          threads_, runs_, start_.nanoseconds + Mean(begins_, tick),
          start_.nanoseconds + Mean(ends_, tick));
  for (const LayerProfile& layer : layers_) {
    fputs(&layer == &layers_.front() ? "\n" : ",\n", file);
    WriteLayer(layer, tick, file);
  }
  fputs("]}", file);
}

void RegionProfile::WriteLayer(const LayerProfile& layer, double tick,
                               FILE* file) const {
  fprintf(file, "{\"node\": %d, \"operator\": ", layer.node);
  WriteString(layer.operator_name, file);
  fprintf(file, ", \"output\": %d, \"name\": ", layer.output);
  WriteString(layer.name.data(), file);
  WriteShape("input_shape", layer.input_shape, file);
  WriteShape("output_shape", layer.output_shape, file);
  fputs(", \"kernel\": ", file);
  WriteString(layer.kernel, file);
  fprintf(file, ", \"ns\": %" PRIu64, Mean(layer.ticks, tick));
  constexpr const char* kNames[kPhases] = {"pack", "multiply", "store"};
  for (int i = 0; i < kPhases; ++i) {
    fprintf(file, ", \"%s_ns\": %" PRIu64, kNames[i],
            Mean(layer.phases[i].load(), tick) / threads_);
  }
  fputc('}', file);
}

uint64_t RegionProfile::Mean(uint64_t sum, double tick) const {
  if (runs_ == 0) return 0;
  return static_cast<uint64_t>(double(sum) / double(runs_) * tick);
}

std::unique_ptr<Profile> Profile::Open(const char* path, Status* status) {
  FILE* file = fopen(path, "we");
  if (file == nullptr) {
    *status = Status::Error("profile '%s' cannot be written: %s", path,
                            strerror(errno));
    return nullptr;
  }
  *status = Status();
  return std::unique_ptr<Profile>(new Profile(file));
}

Profile::~Profile() {
  fputs("{\"regions\": [", file_);
  for (const auto& region : regions_) {
    fputs(region == regions_.front() ? "\n" : ",\n", file_);
    region->Write(file_);
  }
  fputs("]}\n", file_);
  const bool failed = ferror(file_) != 0;
  if (fclose(file_) != 0 || failed) {
    Log("the profile could not be written: %s", strerror(errno));
  }
}

RegionProfile* Profile::AddRegion(int threads) {
  regions_.push_back(std::make_unique<RegionProfile>(threads));
  return regions_.back().get();
}

}  // namespace tf_pconv
