# SPDX-License-Identifier: MIT
#
# awk -f train_options.awk train_options.tsv WORD...: what can be said of the options of `vae train`
# before the program is built. It refuses nothing that the program takes (tests/cli compares them);
# the table is what `vae help train --table` prints. Status 0: go on, 2: refused, 3: --help was
# asked for and printed.

function refuse(message) {
  print "run: " message " (`./run mnist --help` lists all)" >"/dev/stderr"
  exit 2
}

function min(a, b) { return a < b ? a : b }

# Insertions, deletions and substitutions that turn a into b.
function distance(a, b,    i, j, row, above, diagonal) {
  for (j = 0; j <= length(b); ++j) row[j] = j
  for (i = 1; i <= length(a); ++i) {
    diagonal = row[0]
    row[0] = i
    for (j = 1; j <= length(b); ++j) {
      above = row[j]
      row[j] = min(diagonal + (substr(a, i, 1) != substr(b, j, 1)), 1 + min(above, row[j - 1]))
      diagonal = above
    }
  }
  return row[length(b)]
}

# "; did you mean 'X'?" for the closest of words[1..count], or "".
function suggestion(word, words, count,    i, d, best, closest) {
  best = 1 + length(word) / 3
  for (i = 1; i <= count; ++i) {
    d = distance(substr(word, 1, 64), words[i])
    if (d <= best && d < length(word)) { best = d - 0.5; closest = words[i] }
  }
  return closest == "" ? "" : "; did you mean '" closest "'?"
}

function is_number(text, whole) {
  if (whole) return text ~ /^-?[0-9]+$/
  return text ~ /^-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/
}

# Whether a number lies in "1..10", "0..1 (1 itself excluded)", "> 0" or ">= 0".
function in_range(number, range,    ends, excluded) {
  if (range ~ /^> /) return number > substr(range, 3) + 0
  if (range ~ /^>= /) return number >= substr(range, 4) + 0
  if (split(range, ends, "[.][.]") != 2) return 1
  if (range ~ /itself excluded/) {
    excluded = range
    sub(/.*[(]/, "", excluded)
    if (number == excluded + 0) return 0
  }
  return number >= ends[1] + 0 && number <= ends[2] + 0
}

function check_list(name, value, range,    i, count, items) {
  if (value == "none" && range ~ /^none/) return
  match(range, /[-0-9.]+[.][.][0-9]+/)
  range = substr(range, RSTART, RLENGTH)
  count = split(value, items, ",")
  for (i = 1; i <= count; ++i) {
    if (is_number(items[i], 1) && in_range(items[i] + 0, range)) continue
    refuse(name " cannot be '" value "': expected " values[name])
  }
}

# Layers by the word that each begins with, which the table lists behind a colon.
function check_layers(name, value, list,    i, j, count, items, words, known) {
  if (value == "none") return
  known = list
  sub(/.*: N, /, "", known)
  known = split(known, words, ", ")
  count = split(value, items, /[,(]/)
  for (i = 1; i <= count; ++i) {
    sub(/^[ \t]+/, "", items[i])
    if (items[i] ~ /^[0-9]/) continue
    sub(/[^a-zA-Z].*/, "", items[i])
    for (j = 1; j <= known; ++j) if (items[i] == words[j]) break
    if (j > known) {
      refuse(name " cannot be '" value "': expected " list suggestion(items[i], words, known))
    }
  }
}

function check_value(name, value,    i, count, words, whole) {
  if (value ~ /^--/ || value == "-h") refuse(name " needs a value, but '" value "' follows")
  if (values[name] ~ /with commas/) return check_list(name, value, values[name])
  if (values[name] ~ / layers, /) return check_layers(name, value, values[name])
  if (placeholder[name] == "N" || placeholder[name] == "X") {
    whole = placeholder[name] == "N"
    if (values[name] == "" || is_number(value, whole) && in_range(value + 0, values[name])) return
    refuse(name " cannot be '" value "': expected a " (whole ? "whole " : "") "number " values[name])
  }
  if (values[name] !~ /[|]/ || values[name] ~ /[^a-z0-9_|-]/) return
  count = split(values[name], words, "|")
  for (i = 1; i <= count; ++i) if (value == words[i]) return
  refuse(name " cannot be '" value "': expected " values[name] suggestion(value, words, count))
}

# A line of 79 characters at most, and further ones below.
function print_wrapped(text, indent,    i, count, words, line) {
  count = split(text, words, " ")
  for (i = 1; i <= count; ++i) {
    if (line != "" && length(line) + length(words[i]) >= 79) {
      print line
      line = ""
    }
    line = line (line == "" ? sprintf("%" indent "s", "") : " ") words[i]
  }
  print line
}

function print_help(    i) {
  print "Usage: ./run mnist [options]\n\nTrains on MNIST, as `vae train --data mnist` does.\n\nOptions:"
  for (i = 1; i <= count; ++i) {
    if (names[i] == "--data") continue
    print "  " names[i] (placeholder[names[i]] == "" ? "" : " " placeholder[names[i]])
    print_wrapped(help[names[i]], 8)
  }
}

BEGIN {
  while ((getline line <ARGV[1]) > 0) {
    split(line, field, "\t")
    names[++count] = field[1]
    placeholder[field[1]] = field[2]
    values[field[1]] = field[3]
    optional[field[1]] = field[4]
    help[field[1]] = field[5]
  }
  for (i = 2; i < ARGC; ++i) {
    word = ARGV[i] == "-h" ? "--help" : ARGV[i]
    name = word
    sub(/=.*/, "", name)
    if (name !~ /^-./) refuse("unexpected argument '" word "'")
    if (!(name in placeholder)) refuse("unknown option '" name "'" suggestion(name, names, count))
    if (name == "--help") {
      print_help()
      exit 3
    }
    if (name == "--data") refuse("mnist trains on MNIST; `vae train --data ...` takes other data")
    if (placeholder[name] == "") continue
    if (name != word) {
      check_value(name, substr(word, length(name) + 2))
    } else if (i + 1 < ARGC && !(optional[name] && ARGV[i + 1] ~ /^-/)) {
      check_value(name, ARGV[++i])
    } else if (!optional[name]) {
      refuse(name " needs a value")
    }
  }
}
