// A ring of rows between one writer and one reader, without locks. The writer never waits: when the reader is late the oldest rows are
// overwritten, and the reader counts how many. Words are atomic, so that reading a row that is being overwritten is defined; such a row
// is recognised by `claimed_` and thrown away. Produced = consumed + overwritten + waiting.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace sampler {

template <typename Row>
class Ring {
 public:
  // At least one row. All memory is taken, and written once, here.
  explicit Ring(std::uint64_t capacity) : capacity_(capacity), words_(new std::atomic<double>[capacity * Row().size()]) {
    for (std::uint64_t i = 0; i < capacity * width(); i++) words_[i].store(0, std::memory_order_relaxed);
  }

  // Writer only.
  void push(const Row& row) {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    claimed_.store(at + 1, std::memory_order_relaxed);
    std::atomic<double>* words = slot(at);
    // Release: who sees a new word sees the claim as well.
    for (std::size_t i = 0; i < width(); i++) words[i].store(row[i], std::memory_order_release);
    written_.store(at + 1, std::memory_order_release);
  }

  // Reader only: takes the oldest row that is still there; false when none waits.
  bool pop(Row& row) {
    for (;;) {
      const std::uint64_t written = written_.load(std::memory_order_acquire);
      if (written - next_ > capacity_) lose_until(written - capacity_);
      if (next_ == written) return false;
      const std::atomic<double>* words = slot(next_);
      for (std::size_t i = 0; i < width(); i++) row[i] = words[i].load(std::memory_order_acquire);
      const std::uint64_t claimed = claimed_.load(std::memory_order_relaxed);
      if (claimed - next_ > capacity_) {
        lose_until(claimed - capacity_);
        continue;
      }
      next_++;
      consumed_++;
      return true;
    }
  }

  std::uint64_t capacity() const { return capacity_; }
  // Calls back with the block of memory.
  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(words_.get(), capacity_ * width() * sizeof(std::atomic<double>));
  }

  std::uint64_t produced() const { return written_.load(std::memory_order_acquire); }
  // Reader only.
  std::uint64_t consumed() const { return consumed_; }
  std::uint64_t overwritten() const { return overwritten_; }
  // Reader only: rows that were taken or found overwritten.
  std::uint64_t settled() const { return next_; }

 private:
  static constexpr std::size_t width() { return std::tuple_size<Row>::value; }
  std::atomic<double>* slot(std::uint64_t index) const { return &words_[index % capacity_ * width()]; }

  void lose_until(std::uint64_t first) {
    overwritten_ += first - next_;
    next_ = first;
  }

  const std::uint64_t capacity_;
  const std::unique_ptr<std::atomic<double>[]> words_;
  alignas(64) std::atomic<std::uint64_t> claimed_{0};
  std::atomic<std::uint64_t> written_{0};
  alignas(64) std::uint64_t next_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t overwritten_ = 0;
};

}  // namespace sampler
