#include "delegate/core/tuning.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "delegate/core/numbers.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {
namespace {

using std::string_view;

constexpr string_view kFirstLine = "tf_pconv tuning 1";

// Cuts the part before `separator` off `rest`.
string_view Cut(char separator, string_view* rest) {
  const size_t end = rest->find(separator);
  const string_view part = rest->substr(0, end);
  rest->remove_prefix(end == string_view::npos ? rest->size() : end + 1);
  return part;
}

// Names in a tuning file: letters, digits and a few signs.
bool IsName(string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

template <size_t kSize>
bool CopyName(string_view text, char (&name)[kSize]) {
  if (text.size() >= kSize || !IsName(text)) return false;
  std::copy(text.begin(), text.end(), name);
  name[text.size()] = '\0';
  return true;
}

bool ParseBytes(string_view text, int* bytes) {
  return ParseDigits(text, bytes) && *bytes > 0;
}

constexpr struct {
  string_view name;
  const char* accepted;
  bool (*parse)(string_view value, TunedLayer* layer);
} kFields[] = {
    {"gain", "a decimal number",
     [](string_view value, TunedLayer* layer) {
       return ParseDecimal(value, &layer->gain);
     }},
    {"kernel", "the name of a kernel",
     [](string_view value, TunedLayer* layer) {
       return CopyName(value, layer->kernel);
     }},
    {"block_bytes", "a number from 1 to 999999999",
     [](string_view value, TunedLayer* layer) {
       return ParseBytes(value, &layer->block_bytes);
     }},
};

int Length(string_view text) {
  constexpr size_t kShown = 80;
  return static_cast<int>(std::min(text.size(), kShown));
}

// `seen` has a bit for each field of the layer so far.
Status ParseField(string_view field, uint32_t* seen, TunedLayer* layer) {
  string_view value = field;
  const string_view name = Cut('=', &value);
  for (const auto& known : kFields) {
    if (known.name != name) continue;
    const uint32_t bit = 1u << (&known - kFields);
    if (*seen & bit) {
      return Status::Error("%s occurs twice", known.name.data());
    }
    *seen |= bit;
    if (known.parse(value, layer)) return Status();
    return Status::Error("%s is '%.*s'; accepted is %s", known.name.data(),
                         Length(value), value.data(), known.accepted);
  }
  return Status::Error(
      "unknown field '%.*s'; accepted are gain, kernel and block_bytes, each "
      "with = and its value",
      Length(field), field.data());
}

// What follows the word "layer".
Status ParseLayer(string_view rest, TunedLayer* layer) {
  const string_view signature = Cut(' ', &rest);
  if (!CopyName(signature, layer->signature)) {
    return Status::Error("'%.*s' is no signature of a layer", Length(signature),
                         signature.data());
  }
  uint32_t seen = 0;
  while (!rest.empty()) {
    const Status status = ParseField(Cut(' ', &rest), &seen, layer);
    if (!status.ok()) return status;
  }
  return Status();
}

bool IsBefore(const TunedLayer& a, const TunedLayer& b) {
  return strcmp(a.signature, b.signature) < 0;
}

class Parser {
 public:
  Parser(string_view processor, std::vector<TunedLayer>* layers)
      : processor_(processor), layers_(layers) {}

  Status ParseLine(string_view line) {
    if (line.empty() || line.front() == '#') return Status();
    const string_view word = Cut(' ', &line);
    if (word == "processor") {
      if (!IsName(line)) {
        return Status::Error("'%.*s' is no name of a processor", Length(line),
                             line.data());
      }
      has_processor_ = true;
      is_ours_ = line == processor_;
      return Status();
    }
    if (word != "layer") {
      return Status::Error(
          "it begins with '%.*s'; accepted are processor, layer and #",
          Length(word), word.data());
    }
    if (!has_processor_) {
      return Status::Error("a layer precedes the first processor");
    }
    TunedLayer layer;
    const Status status = ParseLayer(line, &layer);
    if (status.ok() && is_ours_) layers_->push_back(layer);
    return status;
  }

 private:
  const string_view processor_;
  std::vector<TunedLayer>* const layers_;
  bool has_processor_ = false;
  bool is_ours_ = false;
};

}  // namespace

LayerSignature::LayerSignature(const ConvDescription& description,
                               const ActivationShape& input, int threads) {
  const char* kind = "";
  int group_size = 1;
  size_t kernels = 0;
  if (description.depthwise != nullptr) {
    kind = "dw";
    kernels = description.channels();
  } else if (description.stem != nullptr) {
    kind = "stem";
    kernels = size_t{1} * description.channels() * description.filters();
  } else {
    group_size = description.weights->group_size;
    kernels = description.weights->kernels.size();
  }
  snprintf(text, sizeof(text),
           "%s-%s%dx%d-c%d-f%d-g%d-n%zu-s%dx%d-%s-i%dx%dx%d-t%d",
           description.type() == DataType::kInt8 ? "qs8" : "f32", kind,
           description.kernel_height(), description.kernel_width(),
           description.channels(), description.filters(), group_size, kernels,
           description.stride_height, description.stride_width,
           description.padding == Padding::kSame ? "same" : "valid",
           input.batch, input.height, input.width, threads);
}

Status TuningTable::Parse(string_view text, string_view processor) {
  const string_view first = Cut('\n', &text);
  if (first != kFirstLine) {
    return Status::Error("line 1 is '%.*s', expected '%s'", Length(first),
                         first.data(), kFirstLine.data());
  }
  std::vector<TunedLayer> layers;
  Parser parser(processor, &layers);
  for (int number = 2; !text.empty(); ++number) {
    const Status status = parser.ParseLine(Cut('\n', &text));
    if (!status.ok()) {
      return Status::Error("line %d: %s", number, status.message());
    }
  }
  std::sort(layers.begin(), layers.end(), IsBefore);
  for (size_t i = 1; i < layers.size(); ++i) {
    if (!IsBefore(layers[i - 1], layers[i])) {
      return Status::Error("layer %s occurs twice for this processor",
                           layers[i].signature);
    }
  }
  layers_ = std::move(layers);
  return Status();
}

const TunedLayer* TuningTable::Find(const LayerSignature& signature) const {
  TunedLayer wanted;
  memcpy(wanted.signature, signature.text, sizeof(wanted.signature));
  const auto found =
      std::lower_bound(layers_.begin(), layers_.end(), wanted, IsBefore);
  if (found == layers_.end() || IsBefore(wanted, *found)) return nullptr;
  return &*found;
}

}  // namespace tf_pconv
