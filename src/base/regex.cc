#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>
#include <re2/re2.h>

#include <algorithm>
#include <atomic>

#include "base/arena.h"
#include "base/strings.h"

namespace pylon {
namespace {

constexpr int64_t kRe2MemoryBytes = 2 << 20;  // program and lazily built automata of one pattern
constexpr uint32_t kMatchLimit = 1'000'000;   // steps of a backtracking search
constexpr uint32_t kDepthLimit = 2'000;       // without the JIT
constexpr uint32_t kHeapLimitKib = 1024;
constexpr size_t kJitStackBytes = 512 * 1024;

std::atomic<uint64_t> gave_up_count{0};

// What a PCRE2 search needs besides the program: one per thread, made at the first use.
struct PcreScratch {
  pcre2_match_data* data = pcre2_match_data_create(Captures::kMaxGroups, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr);

  PcreScratch() {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kDepthLimit);
    pcre2_set_heap_limit(context, kHeapLimitKib);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~PcreScratch() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

PcreScratch& scratch() {
  static thread_local PcreScratch per_thread;
  return per_thread;
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using PcreCode = std::unique_ptr<pcre2_code, FreeCode>;

std::unique_ptr<re2::RE2> compile_re2(std::string_view pattern, RegexFlags flags) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_max_mem(kRe2MemoryBytes);
  options.set_case_sensitive(!flags.ignore_case);
  options.set_dot_nl(flags.dot_all);
  std::string text = flags.multi_line ? "(?m)" : "";
  text += pattern;
  auto compiled = std::make_unique<re2::RE2>(text, options);
  return compiled->ok() ? std::move(compiled) : nullptr;
}

Result<PcreCode> compile_pcre(std::string_view pattern, RegexFlags flags) {
  uint32_t options = PCRE2_NEVER_UTF;
  if (!flags.lax_end) options |= PCRE2_DOLLAR_ENDONLY;
  if (flags.ignore_case) options |= PCRE2_CASELESS;
  if (flags.multi_line) options |= PCRE2_MULTILINE;
  if (flags.dot_all) options |= PCRE2_DOTALL;
  int error = 0;
  PCRE2_SIZE at = 0;
  PcreCode code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                              &error, &at, nullptr));
  if (code == nullptr) {
    PCRE2_UCHAR message[128];
    pcre2_get_error_message(error, message, sizeof message);
    return fail(fmt::format("bad regular expression \"{}\": {} at {}", pattern,
                            reinterpret_cast<const char*>(message), at));
  }
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it pcre2_match interprets
  return code;
}

}  // namespace

struct Regex::Program {
  std::string pattern;
  std::unique_ptr<re2::RE2> re2;  // or
  PcreCode pcre;
  size_t group_count = 0;

  bool search_re2(std::string_view subject, size_t start, Captures& captures, size_t wanted) const;
  bool search_pcre(std::string_view subject, size_t start, Captures& captures, size_t wanted) const;
};

bool Regex::Program::search_re2(std::string_view subject, size_t start, Captures& captures,
                                size_t wanted) const {
  std::array<re2::StringPiece, Captures::kMaxGroups> found;
  re2::StringPiece text(subject.data(), subject.size());
  if (!re2->Match(text, start, subject.size(), re2::RE2::UNANCHORED, found.data(),
                  static_cast<int>(wanted))) {
    return false;
  }
  for (size_t i = 0; i < wanted; ++i) captures.groups[i] = {found[i].data(), found[i].size()};
  return true;
}

bool Regex::Program::search_pcre(std::string_view subject, size_t start, Captures& captures,
                                 size_t wanted) const {
  PcreScratch& with = scratch();
  int found = pcre2_match(pcre.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(),
                          start, 0, with.data, with.context);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    gave_up_count.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  size_t set = found == 0 ? Captures::kMaxGroups : static_cast<size_t>(found);
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(with.data);
  for (size_t i = 0; i < wanted; ++i) {
    bool took_part =
        i < set && offsets[2 * i] != PCRE2_UNSET && offsets[2 * i] <= offsets[2 * i + 1];
    captures.groups[i] = {};
    if (took_part) {
      captures.groups[i] = subject.substr(offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    }
  }
  return true;
}

Result<Regex> Regex::compile(std::string_view pattern) { return compile(pattern, RegexFlags{}); }

Result<Regex> Regex::compile(std::string_view pattern, RegexFlags flags) {
  if (pattern.size() > kMaxPatternBytes) {
    return fail(fmt::format("the regular expression is longer than {} bytes", kMaxPatternBytes));
  }
  auto program = std::make_shared<Program>();
  program->pattern = pattern;
  bool only_pcre = flags.lax_end && pattern.find('$') != pattern.npos;
  if (!only_pcre) program->re2 = compile_re2(pattern, flags);
  if (program->re2 != nullptr) {
    program->group_count = static_cast<size_t>(program->re2->NumberOfCapturingGroups());
    return Regex(std::move(program));
  }
  auto code = compile_pcre(pattern, flags);
  if (!code) return tl::unexpected(code.error());
  program->pcre = std::move(*code);
  uint32_t groups = 0;
  pcre2_pattern_info(program->pcre.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
  program->group_count = groups;
  return Regex(std::move(program));
}

bool Regex::search_from(std::string_view subject, size_t start, Captures& captures,
                        size_t wanted) const {
  if (program_ == nullptr) return false;
  if (subject.data() == nullptr) subject = std::string_view("", 0);
  captures.count = wanted;
  return program_->re2 != nullptr ? program_->search_re2(subject, start, captures, wanted)
                                  : program_->search_pcre(subject, start, captures, wanted);
}

bool Regex::matches(std::string_view subject) const {
  Captures none;
  return search_from(subject, 0, none, 0);
}

bool Regex::search(std::string_view subject, Captures& captures) const {
  return search_from(subject, 0, captures, std::min(group_count() + 1, Captures::kMaxGroups));
}

const std::string& Regex::pattern() const {
  static const std::string none;
  return program_ != nullptr ? program_->pattern : none;
}

size_t Regex::group_count() const { return program_ != nullptr ? program_->group_count : 0; }

bool Regex::is_linear() const { return program_ == nullptr || program_->re2 != nullptr; }

uint64_t Regex::gave_up() { return gave_up_count.load(std::memory_order_relaxed); }

std::string_view Regex::replace_first(std::string_view subject, const ReplaceTemplate& with,
                                      Arena& arena) const {
  Captures captures;
  if (!search(subject, captures)) return {};
  std::string_view match = captures[0];
  auto before = static_cast<size_t>(match.data() - subject.data());
  std::string_view after = subject.substr(before + match.size());
  size_t total = before + with.size_with(captures) + after.size();
  char* start = arena.bytes(total + 1);  // never null, also for an empty result
  char* end = std::copy_n(subject.data(), before, start);
  end = with.write(captures, end);
  std::copy(after.begin(), after.end(), end);
  return {start, total};
}

std::optional<std::string> Regex::replace_first(std::string_view subject,
                                                const ReplaceTemplate& with) const {
  Arena arena;
  std::string_view replaced = replace_first(subject, with, arena);
  if (replaced.data() == nullptr) return std::nullopt;
  return std::string(replaced);
}

std::string Regex::replace_all(std::string_view subject, const ReplaceTemplate& with) const {
  std::string out;
  size_t wanted = std::min(group_count() + 1, Captures::kMaxGroups);
  size_t at = 0;
  Captures captures;
  while (at <= subject.size() && search_from(subject, at, captures, wanted)) {
    auto begin = static_cast<size_t>(captures[0].data() - subject.data());
    out.append(subject, at, begin - at);
    size_t written = out.size();
    out.resize(written + with.size_with(captures));
    with.write(captures, out.data() + written);
    at = begin + captures[0].size();
    if (!captures[0].empty()) continue;
    if (at < subject.size()) out += subject[at];  // an empty match: go on one byte further
    ++at;
  }
  if (at < subject.size()) out.append(subject, at);
  return out;
}

Result<ReplaceTemplate> ReplaceTemplate::compile(std::string_view text) {
  ReplaceTemplate compiled;
  std::string literal;
  auto flush = [&] {
    if (!literal.empty()) compiled.pieces_.push_back({std::exchange(literal, {}), -1});
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      literal += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '$') {
      literal += '$';
      ++i;
      continue;
    }
    bool braced = i + 1 < text.size() && text[i + 1] == '{';
    size_t first = i + (braced ? 2 : 1);
    size_t last = first;
    while (last < text.size() && last < first + 2 && is_digit(text[last])) ++last;
    bool closed = !braced || (last < text.size() && text[last] == '}');
    if (last == first || !closed) {
      return fail(
          fmt::format("bad replacement \"{}\": '$' must be followed by a group number, "
                      "or be written as '$$'",
                      text));
    }
    flush();
    compiled.pieces_.push_back(
        {{}, static_cast<int>(*parse_int(text.substr(first, last - first)))});
    i = braced ? last : last - 1;
  }
  flush();
  return compiled;
}

size_t ReplaceTemplate::size_with(const Captures& captures) const {
  size_t total = 0;
  for (const Piece& piece : pieces_) {
    total +=
        piece.group < 0 ? piece.literal.size() : captures[static_cast<size_t>(piece.group)].size();
  }
  return total;
}

char* ReplaceTemplate::write(const Captures& captures, char* to) const {
  for (const Piece& piece : pieces_) {
    std::string_view text = piece.group < 0 ? std::string_view(piece.literal)
                                            : captures[static_cast<size_t>(piece.group)];
    to = std::copy(text.begin(), text.end(), to);
  }
  return to;
}

}  // namespace pylon
