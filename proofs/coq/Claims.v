(** Every theorem in full. Read this file and Definitions.v; the rest is proof.

    Each proof here is a single [exact]: it names the lemma that was proved
    elsewhere, and Coq checks that it says exactly what stands here. *)
From Coq Require Import Reals Lra Lia ZArith.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Sigmoid Tanh Chain Vector Pieces Suprema Digits.
From Gradchain Require Initialization Clipping Recurrent Lstm Floating.
From Gradchain Require Import Definitions.
Open Scope R_scope.

(** * T01: the logistic sigmoid *)

(** T01a: sigmoid: the derivative is s (1 - s), everywhere *)
Theorem T01a : forall x, is_derive sigmoid x (sigmoid x * (1 - sigmoid x)).
Proof. exact Sigmoid.sigmoid_derive. Qed.

(** T01b: sigmoid: the derivative is positive and at most 1/4 *)
Theorem T01b : forall x, 0 < Derive sigmoid x <= 1 / 4.
Proof. exact Sigmoid.sigmoid_slope. Qed.

(** T01c: sigmoid: the derivative is 1/4 at 0 and nowhere else *)
Theorem T01c : forall x, Derive sigmoid x = 1 / 4 <-> x = 0.
Proof. exact Sigmoid.sigmoid_slope_max. Qed.

(** T01d: sigmoid: the values lie strictly between 0 and 1 *)
Theorem T01d : forall x, 0 < sigmoid x < 1.
Proof. exact Sigmoid.sigmoid_range. Qed.

(** * T02: tanh and softplus *)

(** T02a: tanh: the derivative is 1 - tanh^2 *)
Theorem T02a : forall x, is_derive tanh x (1 - tanh x ^ 2).
Proof. exact Tanh.tanh_derive. Qed.

(** T02b: tanh: the derivative is positive and at most 1 *)
Theorem T02b : forall x, 0 < Derive tanh x <= 1.
Proof. exact Tanh.tanh_slope. Qed.

(** T02c: tanh: the derivative is 1 at 0 and nowhere else *)
Theorem T02c : forall x, Derive tanh x = 1 <-> x = 0.
Proof. exact Tanh.tanh_slope_max. Qed.

(** T02d: softplus: the derivative is the sigmoid *)
Theorem T02d : forall x, is_derive softplus x (sigmoid x).
Proof. exact Tanh.softplus_derive. Qed.

(** T02e: softplus: the derivative is below 1, and above every s < 1 somewhere *)
Theorem T02e :
  (forall x, 0 < Derive softplus x < 1) /\ (forall s, s < 1 -> exists x, s < Derive softplus x).
Proof. exact (conj Tanh.softplus_slope Tanh.softplus_slope_sup). Qed.

(** T02f: tanh is a sigmoid, stretched and shifted *)
Theorem T02f : forall x, tanh x = 2 * sigmoid (2 * x) - 1.
Proof. exact Tanh.tanh_sigmoid. Qed.

(** T02g: tanh is four times as steep as the sigmoid *)
Theorem T02g : forall x, Derive tanh x = 4 * Derive sigmoid (2 * x).
Proof. exact Tanh.tanh_slope_sigmoid. Qed.

(** * T03: the scalar chain *)

(** T03a: chain: the derivative is the product of its factors *)
Theorem T03a : forall phi dphi w b n x,
  (forall z, is_derive phi z (dphi z)) ->
  is_derive (chain phi w b n) x
    (prod (fun k => w k * dphi (preactivation phi w b k x)) n).
Proof. exact Chain.chain_derive. Qed.

(** T03b: chain: the derivative is at most the product of |w_k| times L^n *)
Theorem T03b : forall phi dphi w b L n x,
  (forall z, is_derive phi z (dphi z)) -> (forall z, Rabs (dphi z) <= L) ->
  Rabs (Derive (chain phi w b n) x) <= prod (fun k => Rabs (w k)) n * L ^ n.
Proof. exact Chain.chain_bound. Qed.

(** T03c: chain: the product of n slopes of the sigmoid is at most (1/4)^n *)
Theorem T03c : forall (z : nat -> R) n,
  0 < prod (fun k => Derive sigmoid (z k)) n <= (1 / 4) ^ n.
Proof. exact Chain.sigmoid_product. Qed.

(** T03d: chain: that product is (1/4)^n exactly if every z_k is 0 *)
Theorem T03d : forall (z : nat -> R) n,
  prod (fun k => Derive sigmoid (z k)) n = (1 / 4) ^ n <-> forall k, (k < n)%nat -> z k = 0.
Proof. exact Chain.sigmoid_product_max. Qed.

(** T03e: chain: weights below 4 by a margin let a sigmoid chain vanish *)
Theorem T03e : forall w b x eps, 0 < eps -> (forall k, Rabs (w k) <= 4 - eps) ->
  is_lim_seq (fun n => Derive (chain sigmoid w b n) x) 0.
Proof. exact Chain.sigmoid_vanishes. Qed.

(** T03f: chain: weights below 1 by a margin let a tanh chain vanish *)
Theorem T03f : forall w b x eps, 0 < eps -> (forall k, Rabs (w k) <= 1 - eps) ->
  is_lim_seq (fun n => Derive (chain tanh w b n) x) 0.
Proof. exact Chain.tanh_vanishes. Qed.

(** T03g: chain: 4 is sharp for the sigmoid, weights 4 and biases -2 keep the derivative 1 *)
Theorem T03g : forall n, Derive (chain sigmoid (fun _ => 4) (fun _ => -2) n) (1 / 2) = 1.
Proof. exact Chain.four_is_sharp. Qed.

(** T03h: chain: 1 is sharp for tanh *)
Theorem T03h : forall n, Derive (chain tanh (fun _ => 1) (fun _ => 0) n) 0 = 1.
Proof. exact Chain.one_is_sharp. Qed.

(** T03i: chain: (1/4)^n alone bounds nothing, weights w reach (w/4)^n *)
Theorem T03i : forall w n,
  Derive (chain sigmoid (fun _ => w) (fun _ => - w / 2) n) (1 / 2) = (w / 4) ^ n.
Proof. exact Chain.chain_slope_at_half. Qed.

(** * T04: layers of vectors *)

(** T04a: layers: composed maps between normed spaces have the composed Frechet derivative *)
Theorem T04a : forall (V : nat -> NormedModule R_AbsRing)
    (f : forall k, V k -> V (S k)) (df : forall k, V k -> V k -> V (S k)) n (x : V O),
  (forall k y, filterdiff (f k) (locally y) (df k y)) ->
  filterdiff (compose V f n) (locally x) (push V f df n x).
Proof. exact Vector.compose_derive. Qed.

(** T04b: layers: linear parts of norm omega_k and slopes of norm L_k give at most prod L_k omega_k *)
Theorem T04b : forall (V U : nat -> NormedModule R_AbsRing)
    (f : forall k, V k -> V (S k))
    (A : forall k, V k -> U k) (D : forall k, V k -> U k -> V (S k)) (L omega : nat -> R),
  (forall k, 0 <= L k) -> (forall k, 0 <= omega k) ->
  (forall k v, norm (A k v) <= omega k * norm v) ->
  (forall k y u, norm (D k y u) <= L k * norm u) ->
  forall n x v,
  norm (push V f (fun k y u => D k y (A k u)) n x v)
    <= prod (fun k => L k * omega k) n * norm v.
Proof. exact Vector.push_bound. Qed.

(** T04c: network: the derivative along any curve is diag (phi') W ... applied to the velocity *)
Theorem T04c : forall phi dphi d W b n (c : R -> vector) dc t,
  (forall z, is_derive phi z (dphi z)) ->
  (forall j, is_derive (fun s => c s j) t (dc j)) ->
  forall i, is_derive (fun s => network phi d W b n (c s) i) t
              (jacobian_vector phi dphi d W b n (c t) dc i).
Proof. exact Vector.network_derive. Qed.

(** T04d: network: the Jacobian lengthens no vector by more than prod L omega_k *)
Theorem T04d : forall phi dphi d W b L omega n x v,
  0 <= L -> (forall z, Rabs (dphi z) <= L) ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d n) (jacobian_vector phi dphi d W b n x v)
    <= prod (fun k => L * omega k) n * norm2 (d O) v.
Proof. exact Vector.network_bound. Qed.

(** T04e: network: Lipschitz with that constant, also where phi has kinks *)
Theorem T04e : forall phi d W b L omega n x y,
  0 <= L -> lipschitz phi L ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d n) (fun i => network phi d W b n x i - network phi d W b n y i)
    <= prod (fun k => L * omega k) n * norm2 (d O) (fun i => x i - y i).
Proof. exact Vector.network_lipschitz. Qed.

(** T04f: network: the Frobenius norm serves as omega *)
Theorem T04f : forall m n M, operator_bound m n M (frobenius m n M).
Proof. exact Vector.frobenius_bound. Qed.

(** T04g: network: backpropagation is dual to the Jacobian-vector product *)
Theorem T04g : forall phi dphi d W b n x g v,
  dot (d n) g (jacobian_vector phi dphi d W b n x v)
    = dot (d O) (backward phi dphi d W b n x g) v.
Proof. exact Vector.backward_dual. Qed.

(** T04h: network: a bound on a matrix is one on its transpose *)
Theorem T04h : forall m n M omega, 0 <= omega ->
  operator_bound m n M omega -> operator_bound n m (transpose M) omega.
Proof. exact Vector.transpose_bound. Qed.

(** T04i: network: the gradient obeys the same bound *)
Theorem T04i : forall phi dphi d W b L omega n x g,
  0 <= L -> (forall z, Rabs (dphi z) <= L) ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d O) (backward phi dphi d W b n x g)
    <= prod (fun k => L * omega k) n * norm2 (d n) g.
Proof. exact Vector.backward_bound. Qed.

(** * T05: activations in pieces *)

(** T05a: ReLU: slopes 0 and 1, none at 0, Lipschitz constant 1 *)
Theorem T05a :
  (forall x, x < 0 -> is_derive relu x 0) /\ (forall x, 0 < x -> is_derive relu x 1) /\
  ~ ex_derive relu 0 /\ lipschitz_constant relu 1.
Proof.
  exact (conj Pieces.relu_derive_neg (conj Pieces.relu_derive_pos
    (conj Pieces.relu_kink Pieces.relu_lipschitz))).
Qed.

(** T05b: leaky ReLU and PReLU: slopes a and 1, Lipschitz constant max (1, |a|) *)
Theorem T05b : forall a,
  (forall x, x < 0 -> is_derive (leaky_relu a) x a) /\
  (forall x, 0 < x -> is_derive (leaky_relu a) x 1) /\
  (a <> 1 -> ~ ex_derive (leaky_relu a) 0) /\
  lipschitz_constant (leaky_relu a) (Rmax 1 (Rabs a)).
Proof.
  exact (fun a => conj (Pieces.leaky_derive_neg a) (conj (Pieces.leaky_derive_pos a)
    (conj (Pieces.leaky_kink a) (Pieces.leaky_lipschitz a)))).
Qed.

(** T05c: ELU: slopes a e^x and 1; smooth at 0 only if a = 1; Lipschitz constant max (1, a) *)
Theorem T05c :
  (forall a x, x < 0 -> is_derive (elu a) x (a * exp x)) /\
  (forall a x, 0 < x -> is_derive (elu a) x 1) /\
  is_derive (elu 1) 0 1 /\ (forall a, a <> 1 -> ~ ex_derive (elu a) 0) /\
  (forall a, 0 <= a -> lipschitz_constant (elu a) (Rmax 1 a)).
Proof.
  exact (conj Pieces.elu_derive_neg (conj Pieces.elu_derive_pos (conj Pieces.elu_smooth
    (conj Pieces.elu_kink Pieces.elu_lipschitz)))).
Qed.

(** T05d: CELU: slopes e^(x/a) and 1, also at 0; Lipschitz constant 1 *)
Theorem T05d : forall a, 0 < a ->
  (forall x, x <= 0 -> is_derive (celu a) x (exp (x / a))) /\
  (forall x, 0 <= x -> is_derive (celu a) x 1) /\ lipschitz_constant (celu a) 1.
Proof.
  exact (fun a H => conj (fun x => Pieces.celu_derive_neg a x H)
    (conj (fun x => Pieces.celu_derive_pos a x H) (Pieces.celu_lipschitz a H))).
Qed.

(** T05e: SELU: slopes l a e^x and l, none at 0; Lipschitz constant l a, reached from the left *)
Theorem T05e : forall l a, 0 < l -> 1 < a ->
  (forall x, x < 0 -> is_derive (selu l a) x (l * a * exp x)) /\
  (forall x, 0 < x -> is_derive (selu l a) x l) /\
  ~ ex_derive (selu l a) 0 /\ lipschitz_constant (selu l a) (l * a).
Proof.
  exact (fun l a Hl Ha => conj (Pieces.selu_derive_neg l a) (conj (Pieces.selu_derive_pos l a)
    (conj (Pieces.selu_kink l a (Rgt_not_eq l 0 Hl) (Rgt_not_eq a 1 Ha))
          (Pieces.selu_lipschitz l a Hl (Rlt_le 1 a Ha))))).
Qed.

(** T05f: hard tanh: slope 1 inside, 0 outside, none at -1 and 1; Lipschitz constant 1 *)
Theorem T05f :
  (forall x, -1 < x < 1 -> is_derive hard_tanh x 1) /\
  (forall x, x < -1 \/ 1 < x -> is_derive hard_tanh x 0) /\
  (~ ex_derive hard_tanh (-1) /\ ~ ex_derive hard_tanh 1) /\ lipschitz_constant hard_tanh 1.
Proof.
  exact (conj Pieces.hard_tanh_derive_mid (conj Pieces.hard_tanh_derive_out
    (conj Pieces.hard_tanh_kinks Pieces.hard_tanh_lipschitz))).
Qed.

(** T05g: hard sigmoid: slope 1/6 inside, 0 outside, none at -3 and 3; Lipschitz constant 1/6 *)
Theorem T05g :
  (forall x, -3 < x < 3 -> is_derive hard_sigmoid x (1 / 6)) /\
  (forall x, x < -3 \/ 3 < x -> is_derive hard_sigmoid x 0) /\
  (~ ex_derive hard_sigmoid (-3) /\ ~ ex_derive hard_sigmoid 3) /\
  lipschitz_constant hard_sigmoid (1 / 6).
Proof.
  exact (conj Pieces.hard_sigmoid_derive_mid (conj Pieces.hard_sigmoid_derive_out
    (conj Pieces.hard_sigmoid_kinks Pieces.hard_sigmoid_lipschitz))).
Qed.

(** T05h: hard SiLU: slope (2x + 3)/6 inside, 0 and 1 outside; Lipschitz constant 3/2 *)
Theorem T05h :
  (forall x, -3 < x < 3 -> is_derive hard_silu x ((2 * x + 3) / 6)) /\
  (forall x, x < -3 -> is_derive hard_silu x 0) /\ (forall x, 3 < x -> is_derive hard_silu x 1) /\
  (~ ex_derive hard_silu (-3) /\ ~ ex_derive hard_silu 3) /\
  lipschitz_constant hard_silu (3 / 2).
Proof.
  exact (conj Pieces.hard_silu_derive_mid (conj Pieces.hard_silu_derive_left
    (conj Pieces.hard_silu_derive_right
    (conj Pieces.hard_silu_kinks Pieces.hard_silu_lipschitz)))).
Qed.

(** * T06: the steepest points of silu, gelu and mish *)

(** T06a: silu: x tanh (x/2) = 2 has exactly one positive solution *)
Theorem T06a : exists! x0, 0 < x0 /\ x0 * tanh (x0 / 2) = 2.
Proof. exact Suprema.balance_unique. Qed.

(** T06b: silu: the slope is 1/2 + x0/4 there, and smaller in size everywhere else *)
Theorem T06b : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  Derive silu x0 = 1 / 2 + x0 / 4 /\
  forall x, x <> x0 -> Rabs (Derive silu x) < 1 / 2 + x0 / 4.
Proof.
  exact (fun x0 H E => conj (Suprema.silu_at_balance x0 H E) (Suprema.silu_sup x0 H E)).
Qed.

(** T06c: silu: the digits of both *)
Theorem T06c : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  2.39935728051546766783273969728 < x0 < 2.39935728051546766783273969729 /\
  1.09983932012886691695818492432 < 1 / 2 + x0 / 4 < 1.09983932012886691695818492433.
Proof.
  exact (fun x0 H E => conj (Digits.silu_digits x0 H E) (Digits.silu_sup_digits x0 H E)).
Qed.

(** T06d: swish: x s(beta x) has the slopes of silu, at other places *)
Theorem T06d : forall beta x,
  Derive (fun t => t * sigmoid (beta * t)) x = Derive silu (beta * x).
Proof. exact Suprema.swish_slope. Qed.

(** T06e: gelu: the slope is Phi + x phi, largest in size at sqrt 2 and nowhere else *)
Theorem T06e :
  (forall x, Derive gelu x = normal_cdf x + x * normal_density x) /\
  forall x, x <> sqrt 2 -> Rabs (Derive gelu x) < Derive gelu (sqrt 2).
Proof. exact (conj Suprema.Derive_gelu Suprema.gelu_sup). Qed.

(** T06f: gelu: the digits of the largest slope *)
Theorem T06f :
  1.12890414518515478634074444 < Derive gelu (sqrt 2) < 1.12890414518515478634074445.
Proof. exact Digits.gelu_digits. Qed.

(** T06g: silu and gelu: slopes at x and -x add up to 1, so the infimum is 1 minus the supremum *)
Theorem T06g : forall x,
  Derive silu x + Derive silu (- x) = 1 /\ Derive gelu x + Derive gelu (- x) = 1.
Proof. exact (fun x => conj (Suprema.silu_symmetry x) (Suprema.gelu_symmetry x)). Qed.

(** T06h: mish: |slope| is at most 1.088498161252, and exceeds 1.088498161251 somewhere *)
Theorem T06h : (forall x, Rabs (Derive mish x) <= 1.088498161252) /\
  1.088498161251 < Derive mish 1.4905711794854.
Proof. exact (conj Digits.mish_sup Digits.mish_reached). Qed.

(** * T07: random weights *)

(** T07a: ReLU keeps half of the second moment of a symmetric variable *)
Theorem T07a : forall Omega (E : expectation Omega) z,
  symmetric E z -> integrable E (fun o => relu (z o) * relu (z o)) ->
  mean E (fun o => relu (z o) * relu (z o)) = 1 / 2 * mean E (fun o => z o * z o).
Proof. exact Initialization.relu_moment. Qed.

(** T07b: leaky ReLU keeps (1 + a^2)/2 of the second moment of a symmetric variable *)
Theorem T07b : forall Omega (E : expectation Omega) a z,
  symmetric E z -> integrable E (fun o => leaky_relu a (z o) * leaky_relu a (z o)) ->
  mean E (fun o => leaky_relu a (z o) * leaky_relu a (z o))
    = (1 + a * a) / 2 * mean E (fun o => z o * z o).
Proof. exact Initialization.leaky_moment. Qed.

(** T07c: He: with variance 2/n the next preactivation has the mean of the second moments *)
Theorem T07c : forall Omega (E : expectation Omega) n (w z : nat -> Omega -> R), (0 < n)%nat ->
  (forall j, (j < n)%nat -> symmetric E (z j)) ->
  (forall j, (j < n)%nat -> integrable E (fun o => relu (z j o) * relu (z j o))) ->
  (forall j k, (j < n)%nat -> (k < n)%nat ->
     integrable E (fun o => w j o * w k o * (relu (z j o) * relu (z k o))) /\
     mean E (fun o => w j o * w k o * (relu (z j o) * relu (z k o)))
       = (if Nat.eqb j k then 2 / INR n else 0)
         * mean E (fun o => relu (z j o) * relu (z k o))) ->
  mean E (fun o => sum (fun j => w j o * relu (z j o)) n * sum (fun j => w j o * relu (z j o)) n)
    = sum (fun j => mean E (fun o => z j o * z j o)) n / INR n.
Proof. exact Initialization.he_moment. Qed.

(** T07d: Glorot: factors forward and backward add up to 2; either is 1 only in square layers *)
Theorem T07d : forall m n : R, 0 < m -> 0 < n ->
  m * (2 / (m + n)) + n * (2 / (m + n)) = 2 /\
  (m * (2 / (m + n)) = 1 <-> m = n) /\ (n * (2 / (m + n)) = 1 <-> m = n) /\
  m * (2 / (m + n)) * (n * (2 / (m + n))) <= 1.
Proof. exact Initialization.glorot_identity. Qed.

(** T07e: the RMS chain, for any expectation *)
Theorem T07e : forall Omega (E : expectation Omega) phi dphi d
    (W : nat -> Omega -> matrix) (b : nat -> Omega -> vector) (s : nat -> R) L x v,
  (forall z, Rabs (dphi z) <= L) -> (forall k, 0 <= s k) ->
  (forall k, fresh E d W b k (s k)) ->
  (let J k o := jacobian_vector phi dphi d (fun m => W m o) (fun m => b m o) k x v in
   (forall k i j, integrable E (fun o => J k o i * J k o j)) ->
   forall n, mean E (fun o => dot (d n) (J n o) (J n o))
     <= prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * dot (d O) v v).
Proof. exact Initialization.rms_chain. Qed.

(** T07f: the RMS chain for weights of finitely many values, with nothing assumed of the expectation *)
Theorem T07f : forall phi dphi d law b s L x v,
  (forall z, Rabs (dphi z) <= L) -> (forall k, 0 <= s k) ->
  (forall k, centred (law k) (d (S k)) (d k) (s k)) ->
  forall n,
  over_layers law n (fun W => dot (d n) (jacobian_vector phi dphi d W b n x v)
                                        (jacobian_vector phi dphi d W b n x v))
    <= prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * dot (d O) v v.
Proof. exact Initialization.rms_chain_finite. Qed.

(** T07g: square sigmoid layers of variance 1/m: (1/16)^n for the mean square, (1/4)^n for the RMS *)
Theorem T07g : forall Omega (E : expectation Omega) m
    (W : nat -> Omega -> matrix) (b : nat -> Omega -> vector) x v, (0 < m)%nat ->
  (forall k, fresh E (fun _ => m) W b k (1 / INR m)) ->
  (let J k o := jacobian_vector sigmoid (Derive sigmoid) (fun _ => m)
                  (fun l => W l o) (fun l => b l o) k x v in
   (forall k i j, integrable E (fun o => J k o i * J k o j)) ->
   forall n, mean E (fun o => dot m (J n o) (J n o)) <= (1 / 16) ^ n * dot m v v).
Proof. exact Initialization.sigmoid_rms. Qed.

(** T07h: the norm obeys no such bound: a draw with entries of square 1/2 = 1/m has norm at least sqrt 2 *)
Theorem T07h :
  exists M : matrix, (forall i j, M i j * M i j = 1 / 2) /\
  forall omega, operator_bound 2 2 M omega -> sqrt 2 <= omega.
Proof. exact Initialization.norm_can_exceed. Qed.

(** * T08: clipping and residual branches *)

(** T08a: clipping: the result has norm at most c *)
Theorem T08a : forall (V : NormedModule R_AbsRing) (c : R) (g : V),
  0 < c -> norm (clip c g) <= c.
Proof. exact Clipping.clip_norm. Qed.

(** T08b: clipping: a positive multiple of the gradient, of norm min (|g|, c) *)
Theorem T08b : forall (V : NormedModule R_AbsRing) (c : R) (g : V), 0 < c -> g <> zero ->
  (0 < Rmin 1 (c / norm g) <= 1 /\ clip c g = scal (Rmin 1 (c / norm g)) g) /\
  norm (clip c g) = Rmin (norm g) c.
Proof.
  exact (fun V c g Hc Hg => conj (conj (Clipping.clip_factor V c g Hc Hg) eq_refl)
    (Clipping.clip_norm_eq V c g Hc Hg)).
Qed.

(** T08c: clipping: a gradient no longer than c is left as it is *)
Theorem T08c : forall (V : NormedModule R_AbsRing) (c : R) (g : V),
  0 < c -> norm g <= c -> clip c g = g.
Proof. exact Clipping.clip_keeps. Qed.

(** T08d: residual: one branch of norm L changes lengths by factors between 1 - L and 1 + L *)
Theorem T08d : forall (V : NormedModule R_AbsRing) (F : V -> V) (L : R) (v : V),
  norm (F v) <= L * norm v ->
  (1 - L) * norm v <= norm (plus v (F v)) <= (1 + L) * norm v.
Proof. exact Clipping.residual_bounds. Qed.

(** T08e: residual: n branches, by factors between (1 - L)^n and (1 + L)^n *)
Theorem T08e : forall (V : NormedModule R_AbsRing) (F : nat -> V -> V) (L : R) (n : nat) (v : V),
  0 <= L <= 1 -> (forall k u, norm (F k u) <= L * norm u) ->
  (1 - L) ^ n * norm v <= norm (residual_push F n v) <= (1 + L) ^ n * norm v.
Proof. exact Clipping.residual_chain. Qed.

(** T08f: (1 + 1/n)^n is below e *)
Theorem T08f : forall n, (0 < n)%nat -> (1 + 1 / INR n) ^ n < exp 1.
Proof. exact Clipping.exp_1_nat. Qed.

(** T08g: residual: n branches scaled by 1/n lengthen nothing by more than e *)
Theorem T08g : forall (V : NormedModule R_AbsRing) (F : nat -> V -> V) n v,
  (0 < n)%nat -> (forall k u, norm (F k u) <= 1 / INR n * norm u) ->
  norm (residual_push F n v) <= exp 1 * norm v.
Proof. exact Clipping.residual_scaled. Qed.

(** * T09: recurrent networks *)

(** T09a: recurrent: from step t to step T at most (gamma omega)^(T - t), whatever the inputs *)
Theorem T09a : forall phi dphi d W (b : nat -> vector) gamma omega t T h v,
  (t <= T)%nat -> 0 <= gamma -> (forall z, Rabs (dphi z) <= gamma) ->
  0 <= omega -> operator_bound d d W omega ->
  norm2 d (jacobian_vector phi dphi (fun _ => d) (fun _ => W) (fun k => b (t + k)%nat) (T - t) h v)
    <= (gamma * omega) ^ (T - t) * norm2 d v.
Proof. exact Recurrent.recurrent_bound. Qed.

(** T09b: recurrent: the derivative vanishes if gamma omega < 1 *)
Theorem T09b : forall phi dphi d W (b : nat -> vector) gamma omega h v,
  0 <= gamma -> (forall z, Rabs (dphi z) <= gamma) ->
  0 <= omega -> operator_bound d d W omega -> gamma * omega < 1 ->
  is_lim_seq (fun n => norm2 d (jacobian_vector phi dphi (fun _ => d) (fun _ => W) b n h v)) 0.
Proof. exact Recurrent.recurrent_vanishes. Qed.

(** T09c: recurrent: the matrix of the counterexample has square 0 and no eigenvalue but 0 *)
Theorem T09c :
  (forall v i, times 2 nilpotent (times 2 nilpotent v) i = 0) /\
  forall lambda v, (exists i, (i < 2)%nat /\ v i <> 0) ->
    (forall i, (i < 2)%nat -> times 2 nilpotent v i = lambda * v i) -> lambda = 0.
Proof. exact (conj Recurrent.nilpotent_square Recurrent.nilpotent_eigenvalue). Qed.

(** T09d: recurrent: with a constant input its tanh network rests while a gradient doubles each step *)
Theorem T09d :
  (forall n i, network tanh (fun _ => 2%nat) (fun _ => nilpotent) (fun _ => drive) n rest i
     = rest i) /\
  forall n, norm2 2 (jacobian_vector tanh (Derive tanh) (fun _ => 2%nat) (fun _ => nilpotent)
     (fun _ => drive) (S n) rest kick) = 10 * 2 ^ n.
Proof. exact (conj Recurrent.rest_stays Recurrent.runaway_norm). Qed.

(** * T10: LSTM *)

(** T10a: LSTM: with gates and candidates held fixed the derivative along the cells is the product of forget gates *)
Theorem T10a : forall f u n c, is_derive (cell f u n) c (prod f n).
Proof. exact Lstm.cell_derive. Qed.

(** T10b: LSTM: gates that are sigmoids give a product strictly between 0 and 1 *)
Theorem T10b : forall a n, (0 < n)%nat -> 0 < prod (fun k => sigmoid (a k)) n < 1.
Proof. exact Lstm.forget_product_range. Qed.

(** T10c: LSTM: gates at least 1 - delta keep at least 1 - n delta *)
Theorem T10c : forall f delta n, 0 <= delta <= 1 ->
  (forall k, (k < n)%nat -> 1 - delta <= f k <= 1) -> 1 - INR n * delta <= prod f n.
Proof. exact Lstm.open_gates. Qed.

(** T10d: LSTM: gates at most rho < 1 let the product vanish *)
Theorem T10d : forall f rho, rho < 1 -> (forall k, 0 <= f k <= rho) ->
  is_lim_seq (fun n => prod f n) 0.
Proof. exact Lstm.closed_gates. Qed.

(** T10e: LSTM: gates at preactivation 0 leave (1/2)^n *)
Theorem T10e : forall n, prod (fun _ => sigmoid 0) n = (1 / 2) ^ n.
Proof. exact Lstm.half_open. Qed.

(** * T12: floating point *)

(** T12a: scaling by a power of two is exact if the result is 0 or a normal number *)
Theorem T12a : forall emin p x k, (0 < p)%Z -> representable emin p x ->
  x * powerRZ 2 k = 0 \/ powerRZ 2 (emin + p - 1) <= Rabs (x * powerRZ 2 k) ->
  rounded emin p (x * powerRZ 2 k) = x * powerRZ 2 k.
Proof. exact Floating.scaling_exact. Qed.

(** T12b: not among subnormal numbers: half of 3 times the least one is rounded *)
Theorem T12b : forall emin p, (1 < p)%Z ->
  representable emin p (3 * powerRZ 2 emin) /\
  rounded emin p (3 * powerRZ 2 emin * powerRZ 2 (-1)) = 2 * powerRZ 2 emin.
Proof. exact Floating.scaling_rounds. Qed.

(** T12c: with gradual underflow a running product of quarters is exact down to 2^emin, then 0 *)
Theorem T12c : forall emin p n, (0 < p)%Z -> (emin <= 0)%Z ->
  ((emin <= - 2 * Z.of_nat n)%Z -> running (rounded emin p) n = (1 / 4) ^ n) /\
  ((- 2 * Z.of_nat n < emin)%Z -> running (rounded emin p) n = 0).
Proof.
  exact (fun emin p n Hp H0 => conj (Floating.running_alive emin p n Hp)
    (Floating.running_dead emin p n Hp H0)).
Qed.

(** T12d: with flushing it is exact down to the least normal number, then 0 *)
Theorem T12d : forall emin p n, (0 < p)%Z -> (emin + p - 1 <= 0)%Z ->
  ((emin + p - 1 <= - 2 * Z.of_nat n)%Z -> running (flushed emin p) n = (1 / 4) ^ n) /\
  ((- 2 * Z.of_nat n < emin + p - 1)%Z -> running (flushed emin p) n = 0).
Proof.
  exact (fun emin p n Hp H0 => conj (Floating.flushed_alive emin p n Hp)
    (Floating.flushed_dead emin p n Hp H0)).
Qed.

(** T12e: the first zero in float16, bfloat16, float32 and float64 *)
Theorem T12e :
  (running (rounded (-24) 11) 12 <> 0 /\ running (rounded (-24) 11) 13 = 0) /\
  (running (rounded (-133) 8) 66 <> 0 /\ running (rounded (-133) 8) 67 = 0) /\
  (running (rounded (-149) 24) 74 <> 0 /\ running (rounded (-149) 24) 75 = 0) /\
  (running (rounded (-1074) 53) 537 <> 0 /\ running (rounded (-1074) 53) 538 = 0).
Proof. exact Floating.first_zeros. Qed.

(** T12f: the same where subnormal numbers are flushed, in float32 and float64 *)
Theorem T12f :
  (running (flushed (-149) 24) 63 <> 0 /\ running (flushed (-149) 24) 64 = 0) /\
  (running (flushed (-1074) 53) 511 <> 0 /\ running (flushed (-1074) 53) 512 = 0).
Proof. exact Floating.first_zeros_flushed. Qed.
