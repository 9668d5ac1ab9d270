;; The loops of sums of products of rows: what runs once for each value of a map, in SIMD.
;; Where matrices, pairs and sums lie is decided by pair-sums.ts. `npm run kernel` assembles this file into kernel.ts.
;; All parameters are addresses or lengths in bytes unless they say otherwise; lengths of slices are multiples of 16.
;; An end is compared for equality only, so that addresses above 2 GiB, which are negative numbers here, do no harm.

(module
  (import "env" "memory" (memory 1))

  ;; Writes rows one after the other, from `target` to `end`: `length` of each, from rows that are `stride` apart.
  ;; Of the last four floats of each, `kept` floats stay, and the others become zeros.
  (func (export "pack")
    (param $source i32) (param $stride i32) (param $target i32) (param $end i32) (param $length i32) (param $kept i32)
    (local $mask v128) (local $from i32) (local $last i32)
    (local.set $mask (i32x4.gt_s (i32x4.splat (local.get $kept)) (v128.const i32x4 0 1 2 3)))
    (block $done
      (loop $row
        (br_if $done (i32.eq (local.get $target) (local.get $end)))
        (local.set $from (local.get $source))
        (local.set $last (i32.sub (i32.add (local.get $target) (local.get $length)) (i32.const 16)))
        (block $whole
          (loop $value
            (br_if $whole (i32.eq (local.get $target) (local.get $last)))
            (v128.store (local.get $target) (v128.load (local.get $from)))
            (local.set $from (i32.add (local.get $from) (i32.const 16)))
            (local.set $target (i32.add (local.get $target) (i32.const 16)))
            (br $value)))
        (v128.store (local.get $target) (v128.and (v128.load (local.get $from)) (local.get $mask)))
        (local.set $target (i32.add (local.get $target) (i32.const 16)))
        (local.set $source (i32.add (local.get $source) (local.get $stride)))
        (br $row))))

  ;; Writes rows of images, from `target` to `end`, with the images of each in another order.
  ;; `order` holds the place of the source for each of `images`, as u32; `bytes` are those of an image.
  ;; It reads and writes up to 12 bytes past the ends: the next image, or the spare room after the last, takes them.
  (func (export "reorder")
    (param $source i32) (param $target i32) (param $end i32) (param $order i32) (param $images i32) (param $bytes i32)
    (local $j i32) (local $from i32) (local $i i32)
    (block $done
      (loop $row
        (br_if $done (i32.eq (local.get $target) (local.get $end)))
        (local.set $j (i32.const 0))
        (loop $image
          (local.set $from
            (i32.add
              (local.get $source)
              (i32.mul
                (i32.load (i32.add (local.get $order) (i32.shl (local.get $j) (i32.const 2))))
                (local.get $bytes))))
          (local.set $i (i32.const 0))
          (loop $value
            (v128.store
              (i32.add (local.get $target) (local.get $i))
              (v128.load (i32.add (local.get $from) (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 16)))
            (br_if $value (i32.lt_u (local.get $i) (local.get $bytes))))
          (local.set $target (i32.add (local.get $target) (local.get $bytes)))
          (local.set $j (i32.add (local.get $j) (i32.const 1)))
          (br_if $image (i32.lt_u (local.get $j) (local.get $images))))
        (local.set $source (i32.add (local.get $source) (i32.mul (local.get $images) (local.get $bytes))))
        (br $row))))

  ;; For pairs of (row of x, row of y), u32 both, from `pair` to `end`: adds the product of two slices to an f64 sum.
  (func (export "add")
    (param $pair i32) (param $end i32) (param $sum i32) (param $x i32) (param $y i32) (param $length i32)
    (local $p i32) (local $q i32) (local $blocks i32) (local $last i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (block $done
      (loop $each
        (br_if $done (i32.eq (local.get $pair) (local.get $end)))
        (local.set $p (i32.add (local.get $x) (i32.mul (i32.load (local.get $pair)) (local.get $length))))
        (local.set $q (i32.add (local.get $y) (i32.mul (i32.load offset=4 (local.get $pair)) (local.get $length))))
        (local.set $last (i32.add (local.get $p) (local.get $length)))
        (local.set $blocks (i32.add (local.get $p) (i32.and (local.get $length) (i32.const -64))))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $whole
          (loop $block
            (br_if $whole (i32.eq (local.get $p) (local.get $blocks)))
            (local.set $a
              (f32x4.add (local.get $a) (f32x4.mul (v128.load (local.get $p)) (v128.load (local.get $q)))))
            (local.set $b
              (f32x4.add
                (local.get $b)
                (f32x4.mul (v128.load offset=16 (local.get $p)) (v128.load offset=16 (local.get $q)))))
            (local.set $c
              (f32x4.add
                (local.get $c)
                (f32x4.mul (v128.load offset=32 (local.get $p)) (v128.load offset=32 (local.get $q)))))
            (local.set $d
              (f32x4.add
                (local.get $d)
                (f32x4.mul (v128.load offset=48 (local.get $p)) (v128.load offset=48 (local.get $q)))))
            (local.set $p (i32.add (local.get $p) (i32.const 64)))
            (local.set $q (i32.add (local.get $q) (i32.const 64)))
            (br $block)))
        (block $rest
          (loop $value
            (br_if $rest (i32.eq (local.get $p) (local.get $last)))
            (local.set $a
              (f32x4.add (local.get $a) (f32x4.mul (v128.load (local.get $p)) (v128.load (local.get $q)))))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (local.set $q (i32.add (local.get $q) (i32.const 16)))
            (br $value)))
        ;; Four lanes to two, then to one, in f64.
        (local.set $a
          (f32x4.add
            (f32x4.add (local.get $a) (local.get $b))
            (f32x4.add (local.get $c) (local.get $d))))
        (local.set $a
          (f64x2.add
            (f64x2.promote_low_f32x4 (local.get $a))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $a) (local.get $a)))))
        (f64.store
          (local.get $sum)
          (f64.add
            (f64.load (local.get $sum))
            (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a)))))
        (local.set $pair (i32.add (local.get $pair) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 8)))
        (br $each))))

  ;; The same with the null: two f64 sums a pair, the real one first. One side, whose row's number is `shared` into the
  ;; pair (0 or 4), is the same in both; of the other there is `plain`, and `permuted` with its images in another order.
  (func (export "addBoth")
    (param $pair i32) (param $end i32) (param $sum i32) (param $side i32) (param $plain i32) (param $permuted i32)
    (param $shared i32) (param $length i32)
    (local $other i32) (local $p i32) (local $q i32) (local $r i32) (local $blocks i32) (local $last i32)
    (local $s v128) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (block $done
      (loop $each
        (br_if $done (i32.eq (local.get $pair) (local.get $end)))
        (local.set $p
          (i32.add
            (local.get $side)
            (i32.mul (i32.load (i32.add (local.get $pair) (local.get $shared))) (local.get $length))))
        (local.set $other
          (i32.mul
            (i32.load (i32.add (local.get $pair) (i32.sub (i32.const 4) (local.get $shared))))
            (local.get $length)))
        (local.set $q (i32.add (local.get $plain) (local.get $other)))
        (local.set $r (i32.add (local.get $permuted) (local.get $other)))
        (local.set $last (i32.add (local.get $p) (local.get $length)))
        (local.set $blocks (i32.add (local.get $p) (i32.and (local.get $length) (i32.const -32))))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (block $whole
          (loop $block
            (br_if $whole (i32.eq (local.get $p) (local.get $blocks)))
            (local.set $s (v128.load (local.get $p)))
            (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $s) (v128.load (local.get $q)))))
            (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $s) (v128.load (local.get $r)))))
            (local.set $s (v128.load offset=16 (local.get $p)))
            (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $s) (v128.load offset=16 (local.get $q)))))
            (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $s) (v128.load offset=16 (local.get $r)))))
            (local.set $p (i32.add (local.get $p) (i32.const 32)))
            (local.set $q (i32.add (local.get $q) (i32.const 32)))
            (local.set $r (i32.add (local.get $r) (i32.const 32)))
            (br $block)))
        (block $rest
          (br_if $rest (i32.eq (local.get $p) (local.get $last)))
          (local.set $s (v128.load (local.get $p)))
          (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $s) (v128.load (local.get $q)))))
          (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $s) (v128.load (local.get $r))))))
        (local.set $a (f32x4.add (local.get $a) (local.get $b)))
        (local.set $c (f32x4.add (local.get $c) (local.get $d)))
        ;; real 0 + real 2, null 0 + null 2, real 1 + real 3, null 1 + null 3
        (local.set $a
          (f32x4.add
            (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $a) (local.get $c))
            (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $a) (local.get $c))))
        (v128.store
          (local.get $sum)
          (f64x2.add
            (v128.load (local.get $sum))
            (f64x2.add
              (f64x2.promote_low_f32x4 (local.get $a))
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $a) (local.get $a))))))
        (local.set $pair (i32.add (local.get $pair) (i32.const 8)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 16)))
        (br $each))))

  ;; Finds fours of columns of which one reaches a floor, in one of three tables: r = x * scale * gain - mean * shift, with
  ;; x the sum of the first half, of the second, or of both. Writes their offsets in a row, from `out` on; gives the end.
  ;; `terms` holds nine arrays of `width` bytes, by table: gains, shifts, floors of columns. `row` holds nine floats, by
  ;; table: scale, mean, floor of the row.
  (func (export "reach")
    (param $first i32) (param $second i32) (param $width i32) (param $terms i32) (param $row i32) (param $out i32)
    (result i32)
    (local $at i32) (local $t i32) (local $x v128) (local $y v128) (local $hit v128)
    (local $scale0 v128) (local $mean0 v128) (local $floor0 v128)
    (local $scale1 v128) (local $mean1 v128) (local $floor1 v128)
    (local $scale v128) (local $mean v128) (local $floor v128)
    (local $shift0 i32) (local $column0 i32) (local $gain1 i32) (local $shift1 i32) (local $column1 i32)
    (local $gain i32) (local $shift i32) (local $column i32)
    (local.set $scale0 (v128.load32_splat offset=0 (local.get $row)))
    (local.set $mean0 (v128.load32_splat offset=4 (local.get $row)))
    (local.set $floor0 (v128.load32_splat offset=8 (local.get $row)))
    (local.set $scale1 (v128.load32_splat offset=12 (local.get $row)))
    (local.set $mean1 (v128.load32_splat offset=16 (local.get $row)))
    (local.set $floor1 (v128.load32_splat offset=20 (local.get $row)))
    (local.set $scale (v128.load32_splat offset=24 (local.get $row)))
    (local.set $mean (v128.load32_splat offset=28 (local.get $row)))
    (local.set $floor (v128.load32_splat offset=32 (local.get $row)))
    (local.set $shift0 (i32.mul (local.get $width) (i32.const 1)))
    (local.set $column0 (i32.mul (local.get $width) (i32.const 2)))
    (local.set $gain1 (i32.mul (local.get $width) (i32.const 3)))
    (local.set $shift1 (i32.mul (local.get $width) (i32.const 4)))
    (local.set $column1 (i32.mul (local.get $width) (i32.const 5)))
    (local.set $gain (i32.mul (local.get $width) (i32.const 6)))
    (local.set $shift (i32.mul (local.get $width) (i32.const 7)))
    (local.set $column (i32.mul (local.get $width) (i32.const 8)))
    (block $done
      (loop $four
        (br_if $done (i32.eq (local.get $at) (local.get $width)))
        (local.set $t (i32.add (local.get $terms) (local.get $at)))
        (local.set $x (v128.load (i32.add (local.get $first) (local.get $at))))
        (local.set $y (v128.load (i32.add (local.get $second) (local.get $at))))
        (local.set $hit
          (f32x4.ge
            (f32x4.sub
              (f32x4.mul (f32x4.mul (local.get $x) (local.get $scale0)) (v128.load (local.get $t)))
              (f32x4.mul (local.get $mean0) (v128.load (i32.add (local.get $t) (local.get $shift0)))))
            (f32x4.min (local.get $floor0) (v128.load (i32.add (local.get $t) (local.get $column0))))))
        (local.set $hit
          (v128.or (local.get $hit)
          (f32x4.ge
            (f32x4.sub
              (f32x4.mul (f32x4.mul (local.get $y) (local.get $scale1)) (v128.load (i32.add (local.get $t) (local.get $gain1))))
              (f32x4.mul (local.get $mean1) (v128.load (i32.add (local.get $t) (local.get $shift1)))))
            (f32x4.min (local.get $floor1) (v128.load (i32.add (local.get $t) (local.get $column1)))))))
        (local.set $hit
          (v128.or (local.get $hit)
          (f32x4.ge
            (f32x4.sub
              (f32x4.mul (f32x4.mul (f32x4.add (local.get $x) (local.get $y)) (local.get $scale)) (v128.load (i32.add (local.get $t) (local.get $gain))))
              (f32x4.mul (local.get $mean) (v128.load (i32.add (local.get $t) (local.get $shift)))))
            (f32x4.min (local.get $floor) (v128.load (i32.add (local.get $t) (local.get $column)))))))
        (if (v128.any_true (local.get $hit))
          (then
            (i32.store (local.get $out) (local.get $at))
            (local.set $out (i32.add (local.get $out) (i32.const 4)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $four)))
    (local.get $out)))
