// SPDX-License-Identifier: MIT
#include "host/io/conversion.h"

#include "host/cli/shell_quote.h"
#include "host/io/ascii.h"
#include "kernels/check.h"

namespace vae {
namespace {

/// `program` reads argv[1] and writes argv[2].
std::string rewrite_command(const std::string& path, const std::string& program) {
  if (path.size() > 3 && lower_case(path).ends_with(".gz")) {
    return concat("python3 -c '", program, "' ", shell_quoted_path(path), " ",
                  shell_quoted_path(path.substr(0, path.size() - 3)));
  }
  const std::string original = shell_quoted_path(path + ".original");
  return concat("mv ", shell_quoted_path(path), " ", original, " && python3 -c '", program, "' ",
                original, " ", shell_quoted_path(path));
}

std::string read_text(bool compressed) {
  return compressed ? "d=gzip.open(sys.argv[1]).read(); " : "d=open(sys.argv[1],\"rb\").read(); ";
}

}  // namespace

std::string idx_to_bytes_command(const std::string& path, bool compressed, char element) {
  return rewrite_command(
      path, concat("import array,gzip,sys; ", read_text(compressed), "h=4+4*d[3]; a=array.array(\"",
                   element,
                   "\",d[h:]); a.byteswap(); "
                   "s,o=(127.5,1) if min(a)<0 else (255,0) if max(a)<=1 else (1,0); "
                   "open(sys.argv[2],\"wb\").write(bytes([0,0,8])+d[3:h]+"
                   "bytes(max(0,min(255,round(s*(x+o)))) for x in a))"));
}

std::string idx_to_channels_last_command(const std::string& path, bool compressed) {
  return rewrite_command(
      path, concat("import gzip,struct,sys; ", read_text(compressed),
                   "n,c,h,w=struct.unpack(\">4I\",d[4:20]); s=h*w; p=bytearray(d[20:]); "
                   "[p.__setitem__(slice(i+k,i+c*s,c),d[20+i+k*s:20+i+k*s+s]) "
                   "for i in range(0,n*c*s,c*s) for k in range(c)]; "
                   "open(sys.argv[2],\"wb\").write(d[:4]+struct.pack(\">4I\",n,h,w,c)+p)"));
}

std::string picture_command(const std::string& path, int64_t height, int64_t width,
                            int64_t channels) {
  const size_t dot = path.rfind('.');
  const bool named =
      dot != std::string::npos && path.find('/', dot) == std::string::npos && dot > 0;
  const std::string out =
      concat(named ? path.substr(0, dot) : path, "-", width, "x", height, ".png");
  return concat(
      "python3 -c 'import sys; from PIL import Image; i=Image.open(sys.argv[1]).convert(\"RGBA\"); "
      "b=Image.new(\"RGBA\",i.size,\"white\"); b.alpha_composite(i); b.convert(\"",
      channels == 1 ? "L" : "RGB", "\").resize((", width, ",", height, ")).save(sys.argv[2])' ",
      shell_quoted_path(path), " ", shell_quoted_path(out));
}

std::string idx_folder_of(const std::string& folder) {
  std::string name = folder;
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  return (name == "." || name == ".." || name == "/" ? "pictures" : name) + "-idx";
}

std::string pictures_to_idx_command(const std::string& folder, int64_t height, int64_t width) {
  return concat(
      "python3 -c 'import os,struct,sys; from PIL import Image; a,o=sys.argv[1:]; "
      "f=sorted(x for x in os.listdir(a) if x[0]!=\".\" and "
      "x.lower().endswith((\".png\",\".jpg\",\".jpeg\",\".bmp\",\".gif\"))); os.makedirs(o); "
      "[open(o+\"/\"+n+\"-images-idx3-ubyte\",\"wb\").write(struct.pack(\">4I\",2051,len(g),",
      height, ",", width, ")+b\"\".join(Image.open(a+\"/\"+x).convert(\"L\").resize((", width, ",",
      height,
      ")).tobytes() for x in g)) for n,g in ((\"train\",[x for i,x in enumerate(f) if i%10]),"
      "(\"t10k\",f[::10]))]' ",
      shell_quoted_path(folder), " ", shell_quoted_path(idx_folder_of(folder)));
}

}  // namespace vae
