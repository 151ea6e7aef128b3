(** T06: digits, by interval arithmetic inside Coq (the tactics [interval] and
    [integral]). The one file whose proofs are computations: the kernel runs
    them on the processor's 63-bit integers. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
From Gradchain Require Import Definitions Tools Sigmoid Tanh Suprema.
Open Scope R_scope.

(** ** silu *)

Lemma silu_digits : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  2.39935728051546766783273969728 < x0 < 2.39935728051546766783273969729.
Proof.
  intros x0 H0 E. split.
  - apply balance_below with 2; try assumption; try lra.
    rewrite tanh_half; unfold sigmoid. interval with (i_prec 120).
  - apply balance_above with 2; try assumption; try lra.
    rewrite tanh_half; unfold sigmoid. interval with (i_prec 120).
Qed.

Lemma silu_sup_digits : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  1.09983932012886691695818492432 < 1 / 2 + x0 / 4 < 1.09983932012886691695818492433.
Proof. intros x0 H0 E. assert (D := silu_digits x0 H0 E). lra. Qed.

(** ** gelu *)

Lemma normal_mass :
  0.421350396474857434670610317 <= RInt normal_density 0 (sqrt 2)
    <= 0.421350396474857434670610318.
Proof.
  unfold normal_density.
  integral with (i_prec 98, i_degree 38, i_fuel 60, i_width (-91)).
Qed.

Lemma gelu_digits :
  1.12890414518515478634074444 < Derive gelu (sqrt 2) < 1.12890414518515478634074445.
Proof.
  rewrite Derive_gelu. unfold normal_cdf.
  assert (M := normal_mass). set (I := RInt _ _ _) in *. clearbody I.
  assert (B : 0.207553748710297351670134124 <= sqrt 2 * normal_density (sqrt 2)
              <= 0.207553748710297351670134125)
    by (unfold normal_density; interval with (i_prec 120)).
  lra.
Qed.

(** ** mish *)

Lemma mish_right : forall x, 6 <= x -> Rabs (mish_slope x) <= 1.05.
Proof.
  intros x Hx. unfold mish_slope.
  assert (X : 1 + x <= exp x) by apply exp_ineq1_le.
  assert (P : 400 <= exp x).
  { apply Rle_trans with (exp 6); [interval with (i_prec 60)|]. destruct Hx as [Hx|<-]; [|lra].
    left; apply exp_increasing; assumption. }
  set (u := exp x) in *. clearbody u. set (q := u * u + 2 * u + 2).
  assert (Q : 400 * u <= q) by (unfold q; nra). assert (Q0 : 0 < q) by lra.
  assert (A : 0 <= (u * u + 2 * u) / q <= 1).
  { split; [apply Rmult_le_pos; [nra|left; apply Rinv_0_lt_compat; assumption]|].
    apply Rmult_le_reg_r with q; [assumption|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. unfold q; lra. }
  assert (B : 0 <= x * (4 * u * (1 + u)) / q ^ 2 <= 0.01).
  { assert (q <> 0) by lra. assert (0 < q ^ 2) by (apply pow_lt; assumption).
    assert (N : 4 * u * (1 + u) <= 4 * q) by (unfold q; nra).
    assert (N0 : 0 <= 4 * u * (1 + u)) by nra.
    split; [apply Rmult_le_pos; [apply Rmult_le_pos; lra|left; apply Rinv_0_lt_compat; lra]|].
    apply Rmult_le_reg_r with (q ^ 2); [assumption|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_trans with (u * (4 * q)); [apply Rmult_le_compat; lra|]. simpl. nra. }
  rewrite Rabs_pos_eq; lra.
Qed.

Lemma mish_left : forall x, x <= -6 -> Rabs (mish_slope x) <= 1.05.
Proof.
  intros x Hx. unfold mish_slope.
  assert (P : 0 < exp x) by apply exp_pos.
  assert (U : exp x <= 0.01).
  { apply Rle_trans with (exp (-6)); [|interval with (i_prec 60)]. destruct Hx as [Hx| ->]; [|lra].
    left; apply exp_increasing; assumption. }
  assert (Y : 1 + - x / 2 <= exp (- x / 2)) by apply exp_ineq1_le.
  assert (YY : exp (- x / 2) * exp (- x / 2) * exp x = 1).
  { rewrite <- !exp_plus, <- exp_0. f_equal. field. }
  assert (XU : - (3 / 8) <= x * exp x <= 0).
  { set (e := exp (- x / 2)) in *. set (u := exp x) in *. clearbody e u. split; [|nra].
    assert (8 / 3 * - x <= e * e).
    { apply Rle_trans with ((1 + - x / 2) * (1 + - x / 2)); [nra|].
      apply Rmult_le_compat; lra. }
    nra. }
  replace (x * (4 * exp x * (1 + exp x))) with (x * exp x * (4 * (1 + exp x))) by ring.
  set (m := x * exp x) in *. clearbody m. set (u := exp x) in *. clearbody u.
  set (q := u * u + 2 * u + 2). assert (Q : 2 <= q) by (unfold q; nra).
  assert (A : 0 <= (u * u + 2 * u) / q <= 0.02).
  { split; [apply Rmult_le_pos; [nra|left; apply Rinv_0_lt_compat; lra]|].
    apply Rmult_le_reg_r with q; [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. nra. }
  assert (B : -0.4 <= m * (4 * (1 + u)) / q ^ 2 <= 0).
  { assert (Q2 : 4 <= q ^ 2) by (simpl; nra).
    assert (0 < / q ^ 2) by (apply Rinv_0_lt_compat; lra).
    assert (N : - (3 / 8) * 4.04 <= m * (4 * (1 + u)) <= 0) by (split; nra).
    split.
    - apply Rmult_le_reg_r with (q ^ 2); [lra|].
      unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. lra.
    - unfold Rdiv. nra. }
  apply Rabs_le; lra.
Qed.

(** Far from the steepest point few bits will do; only [1.48, 1.5] needs many.
    So small a computation can be repeated by coqchk, which has no fast evaluator. *)
Lemma mish_middle : forall x, -6 <= x <= 6 -> Rabs (mish_slope x) <= 1.088498161252.
Proof.
  intros x H. unfold mish_slope.
  destruct (Rle_dec x 1.3).
  { assert (K : -6 <= x <= 1.3) by lra. clear H. apply Rle_trans with 1.0884; [|lra].
    interval with (i_bisect x, i_depth 40, i_prec 30). }
  destruct (Rle_dec x 1.48).
  { assert (K : 1.3 <= x <= 1.48) by lra. clear H. apply Rle_trans with 1.08849; [|lra].
    interval with (i_bisect x, i_taylor x, i_degree 2, i_depth 40, i_prec 40). }
  destruct (Rle_dec x 1.5).
  { assert (K : 1.48 <= x <= 1.5) by lra. clear H.
    interval with (i_bisect x, i_taylor x, i_degree 3, i_depth 40, i_prec 60). }
  destruct (Rle_dec x 1.7).
  { assert (K : 1.5 <= x <= 1.7) by lra. clear H. apply Rle_trans with 1.08849; [|lra].
    interval with (i_bisect x, i_taylor x, i_degree 2, i_depth 40, i_prec 40). }
  assert (K : 1.7 <= x <= 6) by lra. clear H. apply Rle_trans with 1.0884; [|lra].
  interval with (i_bisect x, i_taylor x, i_degree 2, i_depth 40, i_prec 30).
Qed.

Lemma mish_sup : forall x, Rabs (Derive mish x) <= 1.088498161252.
Proof.
  intros x. rewrite Derive_mish.
  destruct (Rle_dec x (-6)); [assert (H := mish_left x r); lra|].
  destruct (Rle_dec 6 x); [assert (H := mish_right x r); lra|].
  apply mish_middle; lra.
Qed.

Lemma mish_reached : 1.088498161251 < Derive mish 1.4905711794854.
Proof. rewrite Derive_mish. unfold mish_slope. interval with (i_prec 60). Qed.
