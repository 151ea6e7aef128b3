(** What the theorems of gradchain speak of. Nothing is proved here.

    A sceptic reads this file and Claims.v; every other file is proof.
    [is_derive f x l] (Coquelicot): f has the derivative l at x.
    [ex_derive f x]: f has a derivative at x.  [Derive f x]: its value.
    [is_lim_seq u l]: the sequence u has the limit l. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Core.
Open Scope R_scope.

(** ** Sums and products over k = 0, ..., n - 1 *)

Fixpoint sum (f : nat -> R) (n : nat) : R :=
  match n with O => 0 | S k => sum f k + f k end.

Fixpoint prod (f : nat -> R) (n : nat) : R :=
  match n with O => 1 | S k => prod f k * f k end.

(** ** Activations *)

Definition sigmoid (x : R) : R := 1 / (1 + exp (- x)).
Definition tanh (x : R) : R := (exp x - exp (- x)) / (exp x + exp (- x)).
Definition softplus (x : R) : R := ln (1 + exp x).
Definition relu (x : R) : R := Rmax 0 x.
Definition leaky_relu (a x : R) : R := if Rle_dec 0 x then x else a * x.
Definition elu (a x : R) : R := if Rle_dec 0 x then x else a * (exp x - 1).
Definition celu (a x : R) : R := if Rle_dec 0 x then x else a * (exp (x / a) - 1).
Definition selu (l a x : R) : R := l * elu a x.
Definition hard_tanh (x : R) : R := Rmax (-1) (Rmin 1 x).
Definition hard_sigmoid (x : R) : R := Rmax 0 (Rmin 6 (x + 3)) / 6.
Definition hard_silu (x : R) : R := x * hard_sigmoid x.
Definition silu (x : R) : R := x * sigmoid x.
Definition mish (x : R) : R := x * tanh (softplus x).

(** The standard normal density, its distribution function, and gelu.
    [RInt f a b] is the Riemann integral. *)
Definition normal_density (x : R) : R := exp (- (x * x) / 2) / sqrt (2 * PI).
Definition normal_cdf (x : R) : R := 1 / 2 + RInt normal_density 0 x.
Definition gelu (x : R) : R := x * normal_cdf x.

(** ** Lipschitz constants *)

Definition lipschitz (f : R -> R) (L : R) : Prop :=
  forall x y, Rabs (f x - f y) <= L * Rabs (x - y).

(** L is the least of all constants that serve. *)
Definition lipschitz_constant (f : R -> R) (L : R) : Prop :=
  lipschitz f L /\ forall M, lipschitz f M -> L <= M.

(** ** The scalar chain: a_0 = x, z_k = w_k a_k + b_k, a_(k+1) = phi (z_k) *)

Fixpoint chain (phi : R -> R) (w b : nat -> R) (n : nat) (x : R) : R :=
  match n with O => x | S k => phi (w k * chain phi w b k x + b k) end.

Definition preactivation (phi : R -> R) (w b : nat -> R) (k : nat) (x : R) : R :=
  w k * chain phi w b k x + b k.

(** ** Layers between normed spaces V_0, V_1, ... (possibly all different)

    [filterdiff f (locally x) l] (Coquelicot): the linear map l is the
    Frechet derivative of f at x. *)

Section Layers.
Variable V : nat -> NormedModule R_AbsRing.
Variable f : forall k, V k -> V (S k).
Variable df : forall k, V k -> V k -> V (S k).

Fixpoint compose (n : nat) : V O -> V n :=
  match n with O => fun x => x | S k => fun x => f k (compose k x) end.

(** What the derivative of the composition does to a vector v at x. *)
Fixpoint push (n : nat) (x v : V O) : V n :=
  match n with O => v | S k => df k (compose k x) (push k x v) end.
End Layers.

(** ** Vectors and matrices with real entries

    A vector of size d is a function read at 0, ..., d - 1; a matrix is a
    function of row and column. *)

Definition vector := nat -> R.
Definition matrix := nat -> nat -> R.

Definition dot (d : nat) (u v : vector) : R := sum (fun i => u i * v i) d.
Definition norm2 (d : nat) (v : vector) : R := sqrt (dot d v v).
Definition times (d : nat) (M : matrix) (v : vector) : vector :=
  fun i => sum (fun j => M i j * v j) d.
Definition transpose (M : matrix) : matrix := fun i j => M j i.
Definition frobenius (m n : nat) (M : matrix) : R :=
  sqrt (sum (fun i => sum (fun j => M i j * M i j) n) m).

(** omega is at least the operator norm of the m x n matrix M. *)
Definition operator_bound (m n : nat) (M : matrix) (omega : R) : Prop :=
  forall v, norm2 m (times n M v) <= omega * norm2 n v.

(** A network of layers z = W_k a + b_k, a' = phi z, of widths d_0, d_1, ... *)
Section Network.
Variable phi dphi : R -> R.
Variable d : nat -> nat.
Variable W : nat -> matrix.
Variable b : nat -> vector.

Definition affine (k : nat) (a : vector) : vector :=
  fun i => times (d k) (W k) a i + b k i.

Fixpoint network (n : nat) (x : vector) : vector :=
  match n with O => x | S k => fun i => phi (affine k (network k x) i) end.

(** Its Jacobian at x times v: J_n ... J_1 v with J = diag (phi' z) W. *)
Fixpoint jacobian_vector (n : nat) (x v : vector) : vector :=
  match n with
  | O => v
  | S k => fun i => dphi (affine k (network k x) i)
                    * times (d k) (W k) (jacobian_vector k x v) i
  end.

(** Backpropagation: g times the Jacobian, layer by layer from the last. *)
Fixpoint backward (n : nat) (x g : vector) : vector :=
  match n with
  | O => g
  | S k => backward k x (times (d (S k)) (transpose (W k))
                           (fun i => dphi (affine k (network k x) i) * g i))
  end.
End Network.

(** ** Expectation

    What the theorems on random weights use of probability: a linear and
    monotone mean on a class of integrable functions. The integral of any
    probability space is one. *)

Record expectation (Omega : Type) := {
  integrable : (Omega -> R) -> Prop;
  mean : (Omega -> R) -> R;
  integrable_ext : forall f g, (forall o, f o = g o) -> integrable f -> integrable g;
  integrable_const : forall c, integrable (fun _ => c);
  integrable_plus : forall f g, integrable f -> integrable g -> integrable (fun o => f o + g o);
  integrable_scal : forall c f, integrable f -> integrable (fun o => c * f o);
  mean_const : forall c, mean (fun _ => c) = c;
  mean_plus : forall f g, integrable f -> integrable g ->
    mean (fun o => f o + g o) = mean f + mean g;
  mean_scal : forall c f, integrable f -> mean (fun o => c * f o) = c * mean f;
  mean_le : forall f g, integrable f -> integrable g ->
    (forall o, f o <= g o) -> mean f <= mean g
}.
Arguments integrable {Omega}.
Arguments mean {Omega}.

(** z and - z have the same law: the means of f z and of f (- z) agree for
    every f, Borel or not, for which f z is integrable. *)
Definition symmetric {Omega} (E : expectation Omega) (z : Omega -> R) : Prop :=
  forall f, integrable E (fun o => f (z o)) ->
    integrable E (fun o => f (- z o)) /\ mean E (fun o => f (- z o)) = mean E (fun o => f (z o)).

(** g is a function of the weights and biases of the layers before k. *)
Definition determined {Omega} (W : nat -> Omega -> matrix) (b : nat -> Omega -> vector)
    (k : nat) (g : Omega -> R) : Prop :=
  forall o o', (forall m, (m < k)%nat -> W m o = W m o' /\ b m o = b m o') -> g o = g o'.

(** What comes before layer k factors out, and E W_ij W_ij' is s if j = j',
    else 0. So it is if the weights of layer k have mean 0 and variance s, are
    uncorrelated along a row, and independent of the layers before. *)
Definition fresh {Omega} (E : expectation Omega) (d : nat -> nat)
    (W : nat -> Omega -> matrix) (b : nat -> Omega -> vector) (k : nat) (s : R) : Prop :=
  forall g, integrable E g -> determined W b k g ->
  forall i j j', (i < d (S k))%nat -> (j < d k)%nat -> (j' < d k)%nat ->
    integrable E (fun o => W k o i j * W k o i j' * g o) /\
    mean E (fun o => W k o i j * W k o i j' * g o)
      = (if Nat.eqb j j' then s else 0) * mean E g.

(** Finitely many values: a list of pairs (probability, matrix), and layers
    drawn one after another, each from its own list. *)
Definition weighted (law : list (R * matrix)) (F : matrix -> R) : R :=
  List.fold_right (fun p rest => fst p * F (snd p) + rest) 0 law.

Fixpoint over_layers (law : nat -> list (R * matrix)) (n : nat)
    (F : (nat -> matrix) -> R) : R :=
  match n with
  | O => F (fun _ _ _ => 0)
  | S k => over_layers law k
             (fun W => weighted (law k) (fun M => F (fun l => if Nat.eqb l k then M else W l)))
  end.

(** Probabilities, and E M_ij M_ij' is s if j = j', else 0: so it is for rows
    of mean 0 with uncorrelated entries of variance s. *)
Definition centred (law : list (R * matrix)) (m n : nat) (s : R) : Prop :=
  (forall p, List.In p law -> 0 <= fst p) /\ weighted law (fun _ => 1) = 1 /\
  forall i j j', (i < m)%nat -> (j < n)%nat -> (j' < n)%nat ->
    weighted law (fun M => M i j * M i j') = if Nat.eqb j j' then s else 0.

(** ** Gradient clipping by the norm, in any normed space *)

Definition clip {V : NormedModule R_AbsRing} (c : R) (g : V) : V :=
  scal (Rmin 1 (c / norm g)) g.

(** Residual branches: v becomes v + F_k v. *)
Fixpoint residual_push {V : NormedModule R_AbsRing} (F : nat -> V -> V) (n : nat) (v : V) : V :=
  match n with
  | O => v
  | S k => plus (residual_push F k v) (F k (residual_push F k v))
  end.

(** ** The matrix with rows (8, 8) and (-8, -8), an input and a state for T09 *)

Definition nilpotent : matrix := fun i _ => match i with O => 8 | _ => -8 end.
Definition drive : vector := fun i => match i with O => -4 | _ => 4 + ln 3 / 2 end.
Definition rest : vector := fun i => match i with O => 0 | _ => 1 / 2 end.
Definition kick : vector := fun i => match i with O => 1 | _ => 0 end.

(** ** The LSTM's cell with its gates held fixed: c_(k+1) = f_k c_k + u_k *)

Fixpoint cell (f u : nat -> R) (n : nat) (c : R) : R :=
  match n with O => c | S k => f k * cell f u k c + u k end.

(** ** Floating point

    Numbers m 2^e with |m| < 2^p and e at least emin, so that 2^emin is the
    least positive number and 2^(emin + p - 1) the least normal one. There is
    no largest number: overflow is not spoken of. [rounded] (Flocq) is rounding
    to nearest, ties to even, as IEEE 754 defines it; [flushed] puts 0 for what
    lies below the normal numbers. *)

Definition representable (emin p : Z) (x : R) : Prop :=
  exists m e : Z, x = IZR m * powerRZ 2 e /\ (Z.abs m < 2 ^ p)%Z /\ (emin <= e)%Z.

Definition rounded (emin p : Z) (x : R) : R :=
  Flocq.Core.Generic_fmt.round Flocq.Core.Zaux.radix2 (Flocq.Core.FLT.FLT_exp emin p)
    (Flocq.Core.Generic_fmt.Znearest (fun m => negb (Z.even m))) x.

Definition flushed (emin p : Z) (x : R) : R :=
  if Rlt_dec (Rabs x) (powerRZ 2 (emin + p - 1)) then 0 else rounded emin p x.

(** 1, times 1/4 again and again, each product rounded. *)
Fixpoint running (fl : R -> R) (n : nat) : R :=
  match n with O => 1 | S k => fl (running fl k * (1 / 4)) end.
