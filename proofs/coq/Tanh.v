(** T02: tanh and softplus. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid.
Open Scope R_scope.

Lemma tanh_sigmoid : forall x, tanh x = 2 * sigmoid (2 * x) - 1.
Proof.
  intros x; unfold tanh, sigmoid.
  replace (- (2 * x)) with (- x + - x) by ring.
  rewrite exp_plus, exp_Ropp. assert (0 < exp x) by apply exp_pos.
  assert (0 < exp x * exp x) by (apply Rmult_lt_0_compat; lra).
  field; repeat split; lra || nra.
Qed.

Lemma tanh_range : forall x, -1 < tanh x < 1.
Proof. intros x; rewrite tanh_sigmoid; assert (H := sigmoid_range (2 * x)); lra. Qed.

Lemma tanh_derive : forall x, is_derive tanh x (1 - tanh x ^ 2).
Proof.
  intros x; unfold tanh.
  assert (0 < exp x) by apply exp_pos. assert (0 < exp (- x)) by apply exp_pos.
  auto_derive; [lra|]. field; lra.
Qed.

Lemma Derive_tanh : forall x, Derive tanh x = 1 - tanh x ^ 2.
Proof. intros x; apply is_derive_unique, tanh_derive. Qed.

Lemma tanh_0 : tanh 0 = 0.
Proof. rewrite tanh_sigmoid, Rmult_0_r, sigmoid_0; lra. Qed.

Lemma tanh_slope : forall x, 0 < Derive tanh x <= 1.
Proof. intros x; rewrite Derive_tanh; assert (H := tanh_range x); simpl; nra. Qed.

Lemma tanh_slope_sigmoid : forall x, Derive tanh x = 4 * Derive sigmoid (2 * x).
Proof. intros x; rewrite Derive_tanh, Derive_sigmoid, tanh_sigmoid; ring. Qed.

Lemma tanh_slope_max : forall x, Derive tanh x = 1 <-> x = 0.
Proof.
  intros x; rewrite tanh_slope_sigmoid; split; intros H.
  - assert (2 * x = 0) by (apply sigmoid_slope_max; lra). lra.
  - assert (Derive sigmoid (2 * x) = 1 / 4) by (apply sigmoid_slope_max; lra). lra.
Qed.

Lemma softplus_derive : forall x, is_derive softplus x (sigmoid x).
Proof.
  intros x; unfold softplus, sigmoid. assert (0 < exp x) by apply exp_pos.
  auto_derive; [lra|]. rewrite exp_Ropp. field; lra.
Qed.

Lemma Derive_softplus : forall x, Derive softplus x = sigmoid x.
Proof. intros x; apply is_derive_unique, softplus_derive. Qed.

Lemma softplus_slope : forall x, 0 < Derive softplus x < 1.
Proof. intros x; rewrite Derive_softplus; apply sigmoid_range. Qed.

(** Every slope below 1 is exceeded somewhere. *)
Lemma softplus_slope_sup : forall s, s < 1 -> exists x, s < Derive softplus x.
Proof.
  intros s Hs. destruct (Rle_or_lt s 0) as [H0|H0].
  - exists 0. rewrite Derive_softplus. assert (H := sigmoid_range 0). lra.
  - exists (ln (1 / (1 - s))).
    rewrite Derive_softplus; unfold sigmoid.
    rewrite exp_Ropp, exp_ln by (apply Rdiv_lt_0_compat; lra).
    replace (/ (1 / (1 - s))) with (1 - s) by (field; lra).
    apply Rmult_lt_reg_r with (1 + (1 - s)); [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. nra.
Qed.
