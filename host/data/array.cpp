// SPDX-License-Identifier: MIT
#include "vae/array.h"

#include <span>

#include "host/io/atomic_file.h"
#include "host/io/npy.h"
#include "kernels/check.h"

namespace vae {
namespace {

constexpr uint64_t kLargestNpyBytes = uint64_t{4} << 30;

}  // namespace

void save_npy(const std::string& path, const Array& array) {
  int64_t count = 1;
  for (const int64_t size : array.shape) count *= size;
  VAE_CHECK(count == array.count(), "save_npy: the shape promises ", count,
            " values but there are ", array.count());
  write_file_atomically(path, encode_npy(array));
}

void save_npy(const std::string& path, const std::vector<int64_t>& shape,
              std::span<const uint8_t> bytes) {
  NpyByteWriter file(path, shape);
  file.append(bytes);
  file.finish();
}

struct NpyByteWriter::Impl {
  AtomicFile file;
  int64_t missing;  // bytes
};

NpyByteWriter::NpyByteWriter(const std::string& path, const std::vector<int64_t>& shape) {
  constexpr int64_t kMostBytes = int64_t{1} << 62;
  int64_t count = 1;
  for (const int64_t size : shape) {
    VAE_CHECK(size >= 0 && !__builtin_mul_overflow(count, size, &count) && count <= kMostBytes,
              "an array of such a shape cannot be written: ", size, " is one of its sizes");
  }
  const std::string header = npy_header(shape, "|u1");
  impl_ =
      std::unique_ptr<Impl>(new Impl{{path, header.size() + static_cast<uint64_t>(count)}, count});
  impl_->file.append(as_bytes(header));
}

NpyByteWriter::~NpyByteWriter() = default;

void NpyByteWriter::append(std::span<const uint8_t> bytes) {
  VAE_CHECK(std::ssize(bytes) <= impl_->missing, "of an array ", impl_->missing,
            " bytes are missing, not ", bytes.size());
  impl_->file.append(std::as_bytes(bytes));
  impl_->missing -= std::ssize(bytes);
}

void NpyByteWriter::finish() {
  VAE_CHECK(impl_->missing == 0, "an array is finished but ", impl_->missing, " bytes are missing");
  impl_->file.commit();
}

struct NpyWriter::Impl {
  AtomicFile file;
  int64_t row_size;
  int64_t missing;  // rows
};

NpyWriter::NpyWriter(const std::string& path, int64_t rows, int64_t row_size)
    : NpyWriter(path, std::vector<int64_t>{rows, row_size}) {}

NpyWriter::NpyWriter(const std::string& path, const std::vector<int64_t>& shape) {
  constexpr int64_t kMostValues = (int64_t{1} << 62) / static_cast<int64_t>(sizeof(float));
  VAE_CHECK(!shape.empty() && shape.front() >= 0, "an array without rows cannot be written");
  int64_t row_size = 1;
  for (auto size = shape.begin() + 1; size != shape.end(); ++size) {
    VAE_CHECK(*size > 0 && row_size <= kMostValues / *size, "an array of ", shape.front(),
              " x ... x ", *size, " x ... values cannot be written");
    row_size *= *size;
  }
  VAE_CHECK(shape.front() <= kMostValues / row_size, "an array of ", shape.front(), " x ", row_size,
            " values cannot be written");
  const std::string header = npy_header(shape);
  const auto bytes = static_cast<uint64_t>(shape.front() * row_size) * sizeof(float);
  impl_ = std::unique_ptr<Impl>(new Impl{{path, header.size() + bytes}, row_size, shape.front()});
  impl_->file.append(as_bytes(header));
}

NpyWriter::~NpyWriter() = default;

void NpyWriter::append(const Array& rows) {
  VAE_CHECK(rows.rows() <= impl_->missing && rows.count() == rows.rows() * impl_->row_size,
            "rows of an array: at most ", impl_->missing, " of ", impl_->row_size,
            " values are missing, not ", rows.rows(), " of ", rows.row_size());
  impl_->file.append(std::as_bytes(std::span(rows.values)));
  impl_->missing -= rows.rows();
}

void NpyWriter::finish() {
  VAE_CHECK(impl_->missing == 0, "an array is finished but ", impl_->missing, " rows are missing");
  impl_->file.commit();
}

Array load_npy(const std::string& path) {
  return decode_npy(read_file(path, kLargestNpyBytes), path);
}

}  // namespace vae
