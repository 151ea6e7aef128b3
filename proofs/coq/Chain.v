(** T03: the scalar chain. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid Tanh.
Open Scope R_scope.

Lemma chain_derive : forall phi dphi w b n x,
  (forall z, is_derive phi z (dphi z)) ->
  is_derive (chain phi w b n) x
    (prod (fun k => w k * dphi (preactivation phi w b k x)) n).
Proof.
  intros phi dphi w b n x H; induction n as [|n IH]; simpl.
  - apply (is_derive_id (K := R_AbsRing)).
  - replace (prod _ n * _)
      with (scal (w n * prod (fun k => w k * dphi (preactivation phi w b k x)) n)
                 (dphi (preactivation phi w b n x)))
      by (unfold scal; simpl; unfold mult; simpl; ring).
    apply (is_derive_comp phi (fun y => w n * chain phi w b n y + b n)).
    + apply H.
    + replace (w n * prod _ n)
        with (plus (scal (w n) (prod (fun k => w k * dphi (preactivation phi w b k x)) n)) 0)
        by (unfold scal, plus; simpl; unfold mult; simpl; ring).
      apply (is_derive_plus (fun y => w n * chain phi w b n y) (fun _ => b n)).
      * apply (is_derive_scal (chain phi w b n) x (w n)). exact IH.
      * apply is_derive_Reals, derivable_pt_lim_const.
Qed.

Lemma chain_bound : forall phi dphi w b L n x,
  (forall z, is_derive phi z (dphi z)) -> (forall z, Rabs (dphi z) <= L) ->
  Rabs (Derive (chain phi w b n) x) <= prod (fun k => Rabs (w k)) n * L ^ n.
Proof.
  intros phi dphi w b L n x Hd HL.
  rewrite (is_derive_unique _ _ _ (chain_derive phi dphi w b n x Hd)).
  rewrite prod_abs, <- prod_const, <- prod_mult.
  apply prod_le; intros k _; rewrite Rabs_mult. split.
  - apply Rmult_le_pos; apply Rabs_pos.
  - apply Rmult_le_compat_l; [apply Rabs_pos | apply HL].
Qed.

Lemma chain_vanishes : forall phi dphi w b L rho x,
  (forall z, is_derive phi z (dphi z)) -> (forall z, Rabs (dphi z) <= L) ->
  rho < 1 -> (forall k, Rabs (w k) * L <= rho) ->
  is_lim_seq (fun n => Derive (chain phi w b n) x) 0.
Proof.
  intros phi dphi w b L rho x Hd HL Hr Hw.
  assert (L0 : 0 <= L) by (eapply Rle_trans; [apply Rabs_pos | apply (HL 0)]).
  assert (0 <= rho).
  { eapply Rle_trans; [|apply (Hw O)]. apply Rmult_le_pos; [apply Rabs_pos|lra]. }
  apply geometric_limit with (rho := rho) (C := 1); [lra|]. intros n.
  eapply Rle_trans; [apply chain_bound with (1 := Hd) (2 := HL)|].
  rewrite Rmult_1_l, <- prod_const, <- prod_mult, <- prod_const.
  apply prod_le; intros k _; split; [|apply Hw].
  apply Rmult_le_pos; [apply Rabs_pos|lra].
Qed.

Lemma sigmoid_is_derive : forall z, is_derive sigmoid z (Derive sigmoid z).
Proof. intros z; rewrite Derive_sigmoid; apply sigmoid_derive. Qed.

Lemma tanh_is_derive : forall z, is_derive tanh z (Derive tanh z).
Proof. intros z; rewrite Derive_tanh; apply tanh_derive. Qed.

Lemma sigmoid_product : forall (z : nat -> R) n,
  0 < prod (fun k => Derive sigmoid (z k)) n <= (1 / 4) ^ n.
Proof.
  intros z n; split.
  - apply prod_pos; intros k _; apply sigmoid_slope.
  - rewrite <- prod_const. apply prod_le; intros k _.
    assert (H := sigmoid_slope (z k)); lra.
Qed.

Lemma sigmoid_product_max : forall (z : nat -> R) n,
  prod (fun k => Derive sigmoid (z k)) n = (1 / 4) ^ n <-> forall k, (k < n)%nat -> z k = 0.
Proof.
  intros z n; split.
  - induction n as [|n IH]; intros H k Hk; [lia|].
    cbn [prod pow] in H.
    assert (A := sigmoid_product z n). assert (B := sigmoid_slope (z n)).
    assert (P : 0 < (1 / 4) ^ n) by (apply pow_lt; lra).
    assert (Derive sigmoid (z n) = 1 / 4).
    { destruct (proj2 B) as [Hlt|]; [exfalso|assumption]. nra. }
    assert (prod (fun k => Derive sigmoid (z k)) n = (1 / 4) ^ n) by nra.
    destruct (PeanoNat.Nat.eq_dec k n) as [->|].
    + apply sigmoid_slope_max; assumption.
    + apply IH; [assumption|lia].
  - intros H. rewrite <- prod_const. apply prod_ext; intros k Hk.
    rewrite (H k Hk). apply sigmoid_slope_max; reflexivity.
Qed.

Lemma sigmoid_vanishes : forall w b x eps, 0 < eps -> (forall k, Rabs (w k) <= 4 - eps) ->
  is_lim_seq (fun n => Derive (chain sigmoid w b n) x) 0.
Proof.
  intros w b x eps He Hw.
  apply chain_vanishes with (dphi := Derive sigmoid) (L := 1 / 4) (rho := 1 - eps / 4).
  - apply sigmoid_is_derive.
  - intros z; assert (H := sigmoid_slope z); rewrite Rabs_pos_eq; lra.
  - lra.
  - intros k; specialize (Hw k); lra.
Qed.

Lemma tanh_vanishes : forall w b x eps, 0 < eps -> (forall k, Rabs (w k) <= 1 - eps) ->
  is_lim_seq (fun n => Derive (chain tanh w b n) x) 0.
Proof.
  intros w b x eps He Hw.
  apply chain_vanishes with (dphi := Derive tanh) (L := 1) (rho := 1 - eps).
  - apply tanh_is_derive.
  - intros z; assert (H := tanh_slope z); rewrite Rabs_pos_eq; lra.
  - lra.
  - intros k; specialize (Hw k); lra.
Qed.

(** With w and b = -w/2 the chain stays at 1/2, where the slope is largest. *)
Lemma chain_at_half : forall w n, chain sigmoid (fun _ => w) (fun _ => - w / 2) n (1 / 2) = 1 / 2.
Proof.
  intros w n; induction n as [|n IH]; simpl; [reflexivity|].
  rewrite IH. replace (w * (1 / 2) + - w / 2) with 0 by field. apply sigmoid_0.
Qed.

Lemma chain_slope_at_half : forall w n,
  Derive (chain sigmoid (fun _ => w) (fun _ => - w / 2) n) (1 / 2) = (w / 4) ^ n.
Proof.
  intros w n.
  rewrite (is_derive_unique _ _ _ (chain_derive _ _ _ _ n (1 / 2) sigmoid_is_derive)).
  rewrite <- prod_const. apply prod_ext; intros k _.
  unfold preactivation; rewrite chain_at_half.
  replace (w * (1 / 2) + - w / 2) with 0 by field.
  rewrite (proj2 (sigmoid_slope_max 0) eq_refl). field.
Qed.

Lemma four_is_sharp : forall n,
  Derive (chain sigmoid (fun _ => 4) (fun _ => -2) n) (1 / 2) = 1.
Proof.
  intros n. replace (-2) with (- (4) / 2) by field.
  rewrite chain_slope_at_half.
  replace (4 / 4) with 1 by field. apply pow1.
Qed.

Lemma one_is_sharp : forall n, Derive (chain tanh (fun _ => 1) (fun _ => 0) n) 0 = 1.
Proof.
  intros n.
  rewrite (is_derive_unique _ _ _ (chain_derive _ _ _ _ n 0 tanh_is_derive)).
  transitivity (prod (fun _ => 1) n); [|rewrite prod_const; apply pow1].
  apply prod_ext; intros k _.
  assert (Z : chain tanh (fun _ => 1) (fun _ => 0) k 0 = 0).
  { clear; induction k as [|k IH]; simpl; [reflexivity|].
    rewrite IH, Rmult_0_r, Rplus_0_r. apply tanh_0. }
  unfold preactivation; rewrite Z.
  replace (1 * 0 + 0) with 0 by ring.
  rewrite (proj2 (tanh_slope_max 0) eq_refl). ring.
Qed.
