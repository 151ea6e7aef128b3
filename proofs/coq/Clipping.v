(** T08: clipping by the norm, and residual branches. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools.
Open Scope R_scope.

Section Clip.
Variable V : NormedModule R_AbsRing.

Lemma norm_pos : forall v : V, v <> zero -> 0 < norm v.
Proof.
  intros v H. apply norm_gt_0; assumption.
Qed.

Lemma norm_scale : forall (c : R) (v : V), norm (scal c v) = Rabs c * norm v.
Proof.
  intros c v. apply Rle_antisym; [apply (norm_scal c v)|].
  destruct (Req_dec c 0) as [->|H].
  - rewrite Rabs_R0, Rmult_0_l. apply norm_ge_0.
  - assert (P : 0 < Rabs c) by (apply Rabs_pos_lt; assumption).
    assert (T := norm_scal (/ c) (scal c v)).
    rewrite scal_assoc in T. change (mult (/ c) c) with (/ c * c) in T.
    rewrite Rinv_l in T by assumption. change 1 with (@one R_AbsRing) in T.
    rewrite scal_one in T. change (abs (/ c)) with (Rabs (/ c)) in T.
    rewrite Rabs_inv in T. apply Rmult_le_reg_l with (/ Rabs c).
    + apply Rinv_0_lt_compat; assumption.
    + rewrite <- Rmult_assoc, Rinv_l, Rmult_1_l by lra. exact T.
Qed.

Lemma clip_factor : forall (c : R) (g : V), 0 < c -> g <> zero ->
  0 < Rmin 1 (c / norm g) <= 1.
Proof.
  intros c g Hc Hg. assert (P := norm_pos g Hg). split.
  - apply Rmin_pos; [lra|]. apply Rdiv_lt_0_compat; lra.
  - apply Rmin_l.
Qed.

Lemma clip_norm_eq : forall (c : R) (g : V), 0 < c -> g <> zero ->
  norm (clip c g) = Rmin (norm g) c.
Proof.
  intros c g Hc Hg. assert (P := norm_pos g Hg). assert (F := clip_factor c g Hc Hg).
  unfold clip. rewrite norm_scale, Rabs_pos_eq by lra.
  unfold Rmin; destruct (Rle_dec 1 (c / norm g)) as [H|H], (Rle_dec (norm g) c) as [K|K];
    try (field; lra).
  - exfalso; apply K. apply Rmult_le_reg_r with (/ norm g); [apply Rinv_0_lt_compat; lra|].
    rewrite Rinv_r by lra. exact H.
  - exfalso; apply H. apply Rmult_le_reg_r with (norm g); [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma clip_norm : forall (c : R) (g : V), 0 < c -> norm (clip c g) <= c.
Proof.
  intros c g Hc. destruct (Rle_lt_or_eq_dec 0 (norm g) (norm_ge_0 g)) as [H|H].
  - assert (g <> zero).
    { intros E; rewrite E, (norm_zero (K := R_AbsRing) (V := V)) in H. lra. }
    rewrite clip_norm_eq by assumption. apply Rmin_r.
  - unfold clip. rewrite norm_scale, <- H. lra.
Qed.

Lemma clip_keeps : forall (c : R) (g : V), 0 < c -> norm g <= c -> clip c g = g.
Proof.
  intros c g Hc H. unfold clip. destruct (Rle_lt_or_eq_dec 0 (norm g) (norm_ge_0 g)) as [P|P].
  - rewrite Rmin_left; [apply (scal_one g)|].
    apply Rmult_le_reg_r with (norm g); [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra. lra.
  - assert (Z : g = zero) by (apply norm_eq_zero; symmetry; exact P).
    rewrite Z. apply (scal_zero_r (V := V)).
Qed.

(** ** Residual: v + F v *)

Lemma residual_bounds : forall (F : V -> V) (L : R) (v : V),
  norm (F v) <= L * norm v ->
  (1 - L) * norm v <= norm (plus v (F v)) <= (1 + L) * norm v.
Proof.
  intros F L v H. split.
  - assert (T := norm_triangle (plus v (F v)) (opp (F v))).
    rewrite <- (plus_assoc v), plus_opp_r, plus_zero_r, norm_opp in T. lra.
  - assert (T := norm_triangle v (F v)). lra.
Qed.

Lemma residual_chain : forall (F : nat -> V -> V) (L : R) (n : nat) (v : V), 0 <= L <= 1 ->
  (forall k u, norm (F k u) <= L * norm u) ->
  (1 - L) ^ n * norm v <= norm (residual_push F n v) <= (1 + L) ^ n * norm v.
Proof.
  intros F L n v HL H; induction n as [|n IH]; simpl; [lra|].
  assert (B := residual_bounds (F n) L (residual_push F n v) (H n _)).
  assert (0 <= norm (residual_push F n v)) by apply norm_ge_0. split.
  - apply Rle_trans with ((1 - L) * norm (residual_push F n v)); [|lra].
    rewrite Rmult_assoc. apply Rmult_le_compat_l; lra.
  - apply Rle_trans with ((1 + L) * norm (residual_push F n v)); [lra|].
    rewrite Rmult_assoc. apply Rmult_le_compat_l; lra.
Qed.
End Clip.

Lemma exp_1_nat : forall n, (0 < n)%nat -> (1 + 1 / INR n) ^ n < exp 1.
Proof.
  intros n Hn. assert (P : 0 < INR n) by (apply lt_0_INR; assumption).
  assert (Q : 0 < 1 / INR n) by (apply Rdiv_lt_0_compat; lra).
  assert (H : 1 + 1 / INR n < exp (1 / INR n)) by (apply exp_ineq1; lra).
  replace (exp 1) with (exp (1 / INR n) ^ n).
  - clear - H Q Hn. destruct n as [|n]; [lia|]. clear Hn.
    set (a := 1 + 1 / INR (S n)) in *. set (e := exp (1 / INR (S n))) in *.
    assert (0 < a) by (unfold a; lra). clearbody a e. clear Q.
    induction n as [|n IH]; [simpl; lra|].
    cbn [pow] in *. assert (0 < a * a ^ n) by (apply (pow_lt a (S n)); assumption).
    apply Rmult_gt_0_lt_compat; lra.
  - rewrite <- Rpower_pow by apply exp_pos. unfold Rpower. rewrite ln_exp.
    f_equal. field; lra.
Qed.

Lemma residual_scaled : forall (V : NormedModule R_AbsRing) (F : nat -> V -> V) n v,
  (0 < n)%nat -> (forall k u, norm (F k u) <= 1 / INR n * norm u) ->
  norm (residual_push F n v) <= exp 1 * norm v.
Proof.
  intros V F n v Hn H. assert (P : 1 <= INR n) by (apply (le_INR 1); lia).
  eapply Rle_trans.
  - apply (residual_chain V F (1 / INR n)); [|exact H]. split.
    + apply Rlt_le, Rdiv_lt_0_compat; lra.
    + apply Rmult_le_reg_r with (INR n); [lra|].
      unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra.
  - apply Rmult_le_compat_r; [apply norm_ge_0|]. left; apply exp_1_nat; assumption.
Qed.
